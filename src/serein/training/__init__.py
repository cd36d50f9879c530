"""Training: from utterance tables and a recipe to a bundle."""
