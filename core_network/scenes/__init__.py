"""The procedural football broadcast: pictures with exact truth for training, demonstrations and tests."""

from core_network.scenes.match import Match
from core_network.scenes.still import random_still
from core_network.scenes.truth import BallTruth, PlayerTruth, Scene, Truth

__all__ = ["BallTruth", "Match", "PlayerTruth", "Scene", "Truth", "random_still"]
