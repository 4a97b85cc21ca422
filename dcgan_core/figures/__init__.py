"""Curves, tables, sliders, the picker."""
