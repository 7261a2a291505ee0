"""Side by side with what a user would pick instead: `python -m benchmarks`. Not in the wheel, not
run by the tests.
"""
