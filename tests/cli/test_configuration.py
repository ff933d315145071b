"""
The options of the commands come from the environment or from one file.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.clients import KEY
from helpers.command_line import QUESTION, azure_variables

from azure_realtime.cli import main
from azure_realtime.cli.configuration import options_for, read_variables

VARIABLES = azure_variables("https://file.example.com")


def written_file(folder: Path, lines: str) -> str:
    """
    Return the path of a file with these lines, as they are.
    """
    path = folder / "azure.env"
    path.write_bytes(lines.encode())
    return str(path)


def test_endpoint_and_key_come_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The variables of the environment do not matter then.
    """
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://environment.example.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "the-key-of-the-environment")
    text = "\n".join(f'export {name}="{value}"' for name, value in VARIABLES.items())
    options = options_for(written_file(tmp_path, f"# mine\n\n{text}\n"))
    assert options.host_name == "https://file.example.com"
    assert options.api_key == KEY


@pytest.mark.parametrize("missing", list(VARIABLES))
def test_a_file_without_all_of_it_is_refused(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nothing is filled in from the environment: no key goes to another's address.
    """
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    text = "\n".join(f"{n}={v}" for n, v in VARIABLES.items() if n != missing)
    with pytest.raises(ValueError, match=missing):
        options_for(written_file(tmp_path, text))


def test_no_other_file_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    A `.env` in the current folder is not read: it may belong to another project.
    """
    (tmp_path / ".env").write_text("\n".join(f"{n}={v}" for n, v in VARIABLES.items()))
    monkeypatch.chdir(tmp_path)
    assert main(["talk", "--wav", str(QUESTION)]) == 1
    assert "AZURE_OPENAI_ENDPOINT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=a b", "a b"),
        ("X=a#b##c", "a#b##c"),
        ("X=#a", "#a"),
        ("X=a # the key of Tuesday", "a"),
        ("X=a\t# it's", "a"),
        ("X= # none", ""),
        ("X=", ""),
        ("X='a # b'  # c", "a # b"),
        ("""X="a'b" # c""", "a'b"),
        ('X=" a "', " a "),
        ("""X=''""", ""),
        ("X=$HOME/a==", "$HOME/a=="),
        ("export X=a", "a"),
        ("  export \t X = a  ", "a"),
        ("\ufeffX=a", "a"),
        ("# X=b\n\n \n   # c\nX=a", "a"),
        ("Y=1\r\nX=a\r\nZ='2'\r\n", "a"),
        ("X=b\nexport X=a", "a"),
        ("exportX=b\nX=a", "a"),
    ],
)
def test_values_are_read_as_a_shell_reads_them(
    line: str, value: str, tmp_path: Path
) -> None:
    """
    A `$NAME` in a value is not expanded.
    """
    assert read_variables(Path(written_file(tmp_path, line)))["X"] == value


@pytest.mark.parametrize(
    "line",
    [
        KEY,
        f"export {KEY}",
        f"={KEY}",
        f"my key={KEY}",
        f"1X={KEY}",
        f'X="{KEY}',
        f"X='{KEY}\"",
        f'X="a"{KEY}',
        f"- X={KEY}",
    ],
)
def test_a_broken_line_is_named_by_its_number(line: str, tmp_path: Path) -> None:
    """
    The error does not show the text of the line, which may be a key.
    """
    path = Path(written_file(tmp_path, f"A=1\r\n\u2028# \u2028\n{line}\nB=1\n"))
    with pytest.raises(ValueError, match="line 3 of ") as refused:
        read_variables(path)
    assert KEY not in str(refused.value)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    """
    PowerShell writes UTF-16; the error has no byte of the file.
    """
    path = tmp_path / "azure.env"
    path.write_text("X=1\n", "utf-16")
    with pytest.raises(ValueError, match=r"azure\.env is not a text file in UTF-8"):
        read_variables(path)
