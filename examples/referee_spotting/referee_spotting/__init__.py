"""Referee spotting: a head for featurecast. Nothing here runs in a viewer but head.onnx."""
