"""Split inference: one network cut in two at named tensors, with something stored or sent in between."""
