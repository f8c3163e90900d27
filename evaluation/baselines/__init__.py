"""The detectors of the seed's day as systems that run on this bench; torch is allowed here."""
