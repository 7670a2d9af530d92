from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"openai", "anthropic", "claude_agent_sdk", "langchain_core", "httpx", "pydantic"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Blocked())
"""


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", BLOCKED + program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_the_package_and_its_wrappers_import_without_the_libraries_that_they_wrap() -> None:
    printed = python("""
import sentrial, sentrial.claude_code, sentrial.openai, sentrial.anthropic
from sentrial import *
from sentrial import wrap_openai, wrap_anthropic
print(sentrial.claude_code.wrap_claude_agent.__name__, wrap_openai.__name__, wrap_anthropic.__name__)
""")
    assert printed == "wrap_claude_agent wrap_openai wrap_anthropic\n"


def test_the_langchain_handler_says_what_is_missing() -> None:
    printed = python("""
try:
    from sentrial import SentrialCallbackHandler
except ImportError as error:
    print(error)
""")
    assert printed == "The LangChain handlers need langchain-core: pip install langchain-core\n"


def test_importing_the_package_imports_none_of_them() -> None:
    libraries = "('openai', 'anthropic', 'langchain_core', 'claude_agent_sdk')"
    program = f"import sentrial, sys; print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
