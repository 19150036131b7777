"""The house rules that can be read off the source: who imports whom, where chance comes from."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "genaug_lessons"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up: each part imports its own layer and those above it in this list.
LAYERS = [
    {"typed", "checks", "interrupts", "random", "machine", "progress"},
    {"nn", "data", "plots"},
    {"augment"},
    {"model"},
    {"copies", "settings", "training"},
    {"models"},
    {"stacking", "ensemble"},
    {"banks"},
    {"evaluate"},
    {"widgets", "exercises"},
    {"__main__"},
]
HEAVY = (
    "matplotlib",
    "sklearn",
    "scipy",
    "torchvision",
    "ipyevents",
    "ipywidgets",
    "torch._dynamo",
)
ONLY_IN = {"matplotlib": {"plots", "widgets"}, "ipywidgets": {"widgets"}, "ipyevents": {"widgets"}}

SEEDED = re.compile(  # fine with a generator
    r"torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial|poisson)"
    r"|.*\.(uniform|normal|bernoulli|exponential|random|cauchy|geometric|log_normal)_"
)
GLOBAL = re.compile(  # never fine: these draw from the global state, or set it
    r"torch\.(seed|manual_seed|set_rng_state|\w+_like)|torch\.(random|distributions)\..*|random\..*"
    r"|torch\.default_generator\..*"
    r"|(torch\.)?nn\.(Linear|Bilinear|Conv\w+|Embedding|RNN|LSTM|GRU|\w*Dropout\w*|init\..*)"
    r"|(F|torch|torch\.nn\.functional)\.\w*dropout\w*|(np|numpy)\.random\.(?!default_rng).*"
    r"|(\w+\.)*DataLoader"
)
ISOLATED = {  # only together: the states are set for others' code, and put back
    "torch.random.fork_rng",
    "torch.default_generator.manual_seed",
    "random.getstate",
    "random.seed",
    "random.setstate",
}
HARMLESS = {"torch.zeros_like", "torch.ones_like", "torch.full_like", "torch.empty_like"}

over_files = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def nodes(path, *types):
    return [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, types)
    ]


def imports(path):
    """Full names of the modules that a file imports, at its top or within a function."""
    for node in nodes(path, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module == "genaug_lessons":
            yield from (f"genaug_lessons.{alias.name}" for alias in node.names)
        else:
            yield node.module


def part(path):
    """The part of the house a file belongs to: `data` for data/toys.py, `nn` for nn.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer(name):
    return next(number for number, names in enumerate(LAYERS) if name in names)


@over_files
def test_imports_point_downwards(path):
    own = part(path)
    if own == "__init__":
        assert list(imports(path)) == []
        return
    for name in imports(path):
        if name.startswith("genaug_lessons.") and (other := name.split(".")[1]) != own:
            assert layer(other) <= layer(own), f"{own} must not import {name}"


def test_dataclasses_are_values_except_a_training_under_way():
    changing = {
        node.name
        for path in FILES
        for node in nodes(path, ast.ClassDef)
        for decorator in map(ast.unparse, node.decorator_list)
        if decorator.startswith("dataclass") and "frozen=True" not in decorator
    }
    assert changing == {"Training"}


def circles(graph):
    """What is left of a graph, name -> names it imports, once all that imports nothing is gone."""
    while free := [name for name, others in graph.items() if not others & graph.keys()]:
        for name in free:
            del graph[name]
    return graph


def test_parts_of_the_house_import_each_other_without_circles():
    graph = {part(path): set() for path in FILES}
    for path in FILES:
        others = {
            name.split(".")[1] for name in imports(path) if name.startswith("genaug_lessons.")
        }
        graph[part(path)] |= others - {part(path)}
    assert circles(graph) == {}


def module(path):
    """`genaug_lessons.data` for data/__init__.py."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def test_files_import_each_other_without_circles():
    graph = {module(path): set() for path in FILES}
    for path in FILES:
        for node in nodes(path, ast.ImportFrom):
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                graph[module(path)] |= {name if name in graph else node.module} & graph.keys()
    assert circles(graph) == {}


@over_files
def test_drawing_and_widgets_stay_in_their_own_files(path):
    for name in imports(path):
        allowed = ONLY_IN.get(name.split(".")[0], {part(path)})
        assert part(path) in allowed, f"{name} belongs to {allowed}"


@over_files
def test_plots_gets_arrays_and_knows_no_model(path):
    if part(path) == "plots":
        ours = {name for name in imports(path) if name.startswith("genaug_lessons")}
        assert ours == {"genaug_lessons.checks", "genaug_lessons.typed"}


@over_files
def test_every_draw_takes_a_generator(path):
    harmless = HARMLESS | (ISOLATED if path.name == "per_picture.py" else set())
    for call in nodes(path, ast.Call):
        name, given = ast.unparse(call.func), {keyword.arg for keyword in call.keywords}
        where = f"line {call.lineno}: {name}"
        assert name in harmless or not GLOBAL.fullmatch(name), where
        assert "generator" in given or not SEEDED.fullmatch(name), f"{where} without a generator"
        assert call.args or not name.endswith("default_rng"), f"{where} without a seed"
    foreign = {"numpy.random", "torch.distributions"}
    foreign |= set() if path.name == "per_picture.py" else {"random"}
    assert not foreign & set(imports(path))


@over_files
def test_a_users_mistake_never_meets_a_bare_assert(path):
    assert nodes(path, ast.Assert) == []


@over_files
def test_everything_public_says_what_it_is(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "the module"
    for node in public(tree):
        assert ast.get_docstring(node), f"line {node.lineno}: {node.name}"


def public(parent):
    """Functions and classes whose names promise something; `forward` is nn.Module's promise."""
    for node in parent.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if node.name != "forward":
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


@over_files
def test_every_module_checks_the_types_of_arguments(path):
    # Exercises answer in one line whatever they are handed; checks name arguments themselves.
    text = path.read_text("utf-8")
    if part(path) not in {"typed", "checks", "exercises"} and list(public(ast.parse(text))):
        assert text.endswith("\n\n\ncheck_types(__name__)\n")


@over_files
def test_a_file_holds_one_idea(path):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    prose = {
        line
        for node in nodes(path, *documented)
        if ast.get_docstring(node)
        for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    code = [
        text
        for number, text in lines
        if number not in prose and text.split("#")[0].strip() and "check_types" not in text
    ]
    most = 250 if part(path) == "exercises" else 220  # three exercises and all their mistakes
    assert len(code) <= most, "two ideas, two files"


def test_importing_the_front_door_loads_nothing_heavy():
    program = (
        "import sys, genaug_lessons\n"
        "from genaug_lessons import augment, banks, data, evaluate\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=PACKAGE.parent, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
