"""Readers of data sets, a module for each layout of folders and files."""
