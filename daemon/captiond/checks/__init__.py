"""What can be wrong before it is: one function a check, each finding with its remedy. `captiond check` prints them.

To add one: write a function that takes the `Situation` and yields findings, and name it in `table.CHECKS`.
"""
