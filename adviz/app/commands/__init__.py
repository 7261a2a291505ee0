"""The commands of `adviz`, a module each: what it is for, its arguments, and what it does."""
