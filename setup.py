"""What pyproject.toml cannot say: a wheel holds what ships with the book, as `shipped` inside the package (`assets.py`)."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from dcgan_core.assets import FOLDERS  # noqa: E402

DATA = ROOT / "book" / "data.toml"  # read by the page on data (`chapters.book_file`)


class WithShipped(build_py):
    """An editable installation goes on reading `book/`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shipped = Path(self.build_lib) / "dcgan_core" / "shipped"
            shutil.rmtree(shipped, ignore_errors=True)  # of an earlier build
            for name, folder in FOLDERS.items():
                shutil.copytree(folder, shipped / name)
            shutil.copy(DATA, shipped)

    def get_source_files(self) -> list[str]:
        """For a source distribution."""
        files = [str(p.relative_to(ROOT)) for folder in FOLDERS.values() for p in folder.rglob("*") if p.is_file()]
        return [*super().get_source_files(), *files, str(DATA.relative_to(ROOT))]


setup(cmdclass={"build_py": WithShipped})
