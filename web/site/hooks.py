"""How the site is made of the repository: its Markdown, the files that this links, and a content security policy."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import posixpath
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
log = logging.getLogger("mkdocs.hooks.site")
FOUND_FIRST = re.compile(r"docs/(start|own_\w+)\.md")  # the pages with which a search should begin
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(?=[)#])")  # the path in `[text](path#anchor)`


def on_startup(command: str, dirty: bool) -> None:
    """Write the chess policies of the learning page if everything for it is installed; else say what is missing."""
    policies = subprocess.run([sys.executable, "web/policies.py"], cwd=ROOT, capture_output=True, text=True)
    if policies.returncode:
        reason = policies.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
        log.info("The learning page has no chess policies, or old ones: %s", reason)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Name files by their paths in the repository, so that a link leads to the same file there and on the site.

    Everything in the repository that the navigation or a page names becomes a part of the site: Markdown and pictures
    as they are, other files as pages that show their text, and folders as lists of files.
    """
    every = Files([])
    for file in files:
        own = file.src_dir == config.docs_dir  # the others are the theme's
        every.append(part_of_repository(f"docs/{file.src_uri}", file.dest_uri, config) if own else file)
    nav = json.dumps(config.nav)
    for path in re.findall(r'": "([^"]+)"', nav):
        if every.get_file_from_path(path) is None and (added := linked(path, config)):
            every.append(added)
    waiting = list(every.documentation_pages())
    while waiting:
        page = waiting.pop()
        for link in LINK.findall(page.content_string):
            target = target_of(page, link)
            known = any(map(every.get_file_from_path, (target, f"{target}.md")))
            if not known and (added := linked(target, config)):
                added.inclusion = InclusionLevel.NOT_IN_NAV  # or in it; mkdocs just doesn't ask for it
                every.append(added)
                waiting += [added] if added.is_documentation_page() else []
    config.nav = json.loads(nav.replace('.ipynb"', '.ipynb.md"'))  # the page that shows a notebook
    return every


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files that are no pages to the pages that show them, and a search to the guides."""
    if FOUND_FIRST.fullmatch(page.file.src_uri):
        page.meta["search"] = {"boost": 4}

    def shown(link: re.Match[str]) -> str:
        target = target_of(page.file, link[0])
        known = files.get_file_from_path(target) is None and files.get_file_from_path(f"{target}.md") is not None
        return link[0].rstrip("/") + ".md" * known

    return LINK.sub(shown, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """See `finished`."""
    return finished(output)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """See `finished`; for pages without a source, such as 404.html."""
    return finished(output_content)


def part_of_repository(path: str, place: str, config: MkDocsConfig) -> File:
    """A file of the repository: `path` in it, and `place` on the site."""
    return File(path, str(ROOT), config.site_dir, config.use_directory_urls, dest_uri=place)


def linked(path: str, config: MkDocsConfig) -> File | None:
    """How a file or folder outside docs/ becomes a part of the site; None if there is no such file."""
    source = ROOT / path
    if not source.exists():
        return None  # mkdocs then reports the link
    if source.suffix in (".png", ".svg"):
        return part_of_repository(path, path, config)
    if source.suffix == ".md":
        place = path.removesuffix(".md").lower().removesuffix("/readme")
        return part_of_repository(path, f"{place}/index.html", config)
    return File.generated(config, f"{path}.md", content=as_page(source, path))


def target_of(page: File, link: str) -> str:
    """The path in the repository to which a link on a page leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page.src_uri), link))


def as_page(source: Path, path: str) -> str:
    """The Markdown of a page that shows a folder, a notebook or another file."""
    if source.suffix == ".ipynb":
        return "\n\n".join(map(as_markdown, json.loads(source.read_text())["cells"]))
    title = f"---\nhide: [toc]\nsearch: {{exclude: true}}\n---\n\n# `{path}`\n\n"
    if source.is_dir():
        names = sorted(entry.name for entry in source.iterdir() if not entry.name.startswith((".", "__")))
        return title + "".join(f"* [{name}]({source.name}/{name})\n" for name in names)
    language = {".py": "python", ".yaml": "yaml", ".ts": "typescript"}.get(source.suffix, "text")
    return f'{title}````{language} linenums="1"\n{source.read_text()}````\n'


def as_markdown(cell: dict[str, Any]) -> str:
    """A cell of a notebook with its outputs."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return text
    parts = [f"````python\n{text}\n````"]
    for output in cell["outputs"]:
        data = output.get("data", {"text/plain": output.get("text", "")})
        if "image/png" in data:
            picture = f"data:image/png;base64,{''.join(data['image/png']).strip()}"
            parts.append(f"![{cell['metadata']['alt']}]({picture})")
        else:
            parts.append(f"````{{.text .output}}\n{''.join(data['text/plain'])}\n````")
    return "\n\n".join(parts)


def finished(html: str) -> str:
    """Allow the theme's inline scripts, and no others, by their hashes; name its search for screen readers."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digests = sorted({base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts})
    html = html.replace('role="dialog"', 'role="dialog" aria-label="Search"')
    return html.replace("INLINE_SCRIPTS", " ".join(f"'sha256-{digest}'" for digest in digests))
