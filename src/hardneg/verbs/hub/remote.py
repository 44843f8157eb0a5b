"""The Hub itself, by its own library: what is said when it refuses names the way out, and no token."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hardneg.errors import MissingExtraError, RecipeError, RunError
from hardneg.hiding import note_secret

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_KINDS = {"negatives": "dataset", "model": "model"}
_LOST = "name it as OWNER/NAME, and make sure that you may read it (`hf auth login`, or the variable HF_TOKEN)"


@dataclass(frozen=True)
class Listed:
    """A file of a repository."""

    name: str
    n_bytes: int


def kind_of(what: str) -> str:
    """Say what a Hub calls it."""
    return _KINDS[what]


def upload(folder: Path, repo: str, *, what: str, private: bool, revision: str | None, message: str) -> str:
    """Make a repository unless it is there, put the folder into it as one commit, and give the commit's address."""
    api = _api(repo)
    with _told(repo):
        api.create_repo(repo, repo_type=kind_of(what), private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo, branch=revision, repo_type=kind_of(what), exist_ok=True)
        done = api.upload_folder(
            folder_path=folder, repo_id=repo, repo_type=kind_of(what), revision=revision, commit_message=message
        )
        return str(done.commit_url)


def listed(repo: str, *, what: str, revision: str | None) -> tuple[str, list[Listed]]:
    """Give the commit that a revision is, and its files; names that leave the folder are refused."""
    api = _api(repo)
    with _told(repo):
        commit = str(api.repo_info(repo, repo_type=kind_of(what), revision=revision).sha)
        tree = list(api.list_repo_tree(repo, repo_type=kind_of(what), revision=commit, recursive=True))
    files = [Listed(each.path, int(each.size)) for each in tree if hasattr(each, "size")]
    for file in files:
        parts = PurePosixPath(file.name).parts
        if file.name.startswith("/") or "\\" in file.name or ".." in parts or ":" in file.name:
            raise RunError(f"{repo} has a file {file.name[:80]!r}, which would lie elsewhere; it is not taken")
    return commit, files


def download(repo: str, files: list[Listed], to: Path, *, what: str, commit: str) -> None:
    """Fetch files of one commit into a folder, and look whether they are as long as was said."""
    api = _api(repo)
    with _told(repo):
        for file in files:
            api.hf_hub_download(repo, file.name, repo_type=kind_of(what), revision=commit, local_dir=to)
            size = (to / file.name).stat().st_size
            if size != file.n_bytes:
                raise RunError(
                    f"{repo}: {file.name} has {size:,} bytes and was listed with {file.n_bytes:,}; pull it again"
                )


def _api(repo: str) -> "HfApi":
    try:
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils._validators import validate_repo_id
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", extra="hub", purpose="push and pull") from error
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise RecipeError(f"{repo[:80]!r} is no name of a repository ({error}); it is OWNER/NAME") from error
    note_secret(get_token() or "")
    disable_progress_bars()
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """Say in one message what the Hub, or the way to it, refused."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.RepositoryNotFoundError as error:
        raise RunError(f"there is no {repo} on the Hub, or not for you; {_LOST}") from error
    except errors.RevisionNotFoundError as error:
        raise RunError(f"{repo} has no such revision; leave --revision out for its newest") from error
    except errors.OfflineModeIsEnabled as error:
        raise RunError("the Hub is not asked because HF_HUB_OFFLINE is set; unset it") from error
    except errors.HfHubHTTPError as error:
        raise RunError(f"the Hub refused {repo}: {_line(error)}; {_LOST}") from error
    except RuntimeError as error:  # its own, around whatever went wrong with one file
        raise RunError(f"the Hub did not take it all: {_line(error.__cause__ or error)}; push again") from error
    except (httpx2.HTTPError, ConnectionError, TimeoutError) as error:
        raise RunError(f"the Hub cannot be reached ({_line(error)}); try again, or look at HF_ENDPOINT") from error


def _line(error: Any) -> str:  # noqa: ANN401 - errors of several libraries
    return " ".join(str(error).split())[:300] or type(error).__name__
