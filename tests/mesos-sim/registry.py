"""The scenarios that there are, by name: the modules that have some put them here when they are imported."""

SCENARIOS = {}


def scenario(*engines):
    """Registers a function (place, engine, options) -> what it saw, under its name."""

    def register(function):
        function.engines = engines
        SCENARIOS[function.__name__] = function
        return function

    return register
