"""The configuration: its tables (`models`), where it is read from (`load`), which endpoint each recipe asks (`resolve`).

Import the modules, not this package: `models` costs pydantic, `load` pydantic-settings as well.
"""
