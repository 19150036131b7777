"""`python -m genaug_lessons`: the machine check of lesson 00 in a terminal."""

from genaug_lessons import data, machine

if __name__ == "__main__":
    for name, state in [*machine.report(), *data.reachable().items()]:
        print(f"{name:<28} {state}")
