"""Emotion over time: windows, segments, their formats and pictures."""
