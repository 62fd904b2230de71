"""Files from the web."""

import hashlib
import os
import shutil
import tempfile
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.gluon.errors import CheckError

BLOCK = 1 << 20
#: Seconds without any data until a download is given up.
TIMEOUT = 60.0


def check_sha1(filename: str, sha1_hash: str) -> bool:
    """Whether a file's SHA-1 is (or starts with) `sha1_hash`, in hexadecimal digits."""
    digest = hashlib.sha1(usedforsecurity=False)
    with open(filename, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return bool(sha1_hash) and digest.hexdigest().startswith(sha1_hash)


def replace_file(src: str, dst: str) -> None:
    """Move a file onto another one, all at once."""
    os.replace(src, dst)


def download(
    url: str,
    path: str | None = None,
    overwrite: bool = False,
    sha1_hash: str | None = None,
    retries: int = 5,
    verify_ssl: bool = True,
) -> str:
    """Fetch a file; returns where it lies. One that is there already, with the right SHA-1, is not fetched again.

    path: a file or a folder; by default the URL's file name in the current folder. Proxies are those of the environment
    (http_proxy, https_proxy, no_proxy). Raises MXNetError after `retries` further attempts.
    """
    target = _target(url, path)
    if retries < 0:
        raise CheckError(f"Number of retries should be at least 0, currently it's {retries}")
    if not verify_ssl:
        warnings.warn(
            "Unverified HTTPS request is being made (verify_ssl=False). Adding certificate verification is strongly "
            "advised.",
            stacklevel=2,
        )
    if target.exists() and not overwrite and (not sha1_hash or check_sha1(str(target), sha1_hash)):
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(retries + 1):
        try:
            _fetch(url, target, sha1_hash, verify_ssl)
        except (OSError, MXNetError) as error:
            if attempt == retries:
                raise MXNetError(f"{url}: expected a file. Received: {error}.") from error
        else:
            break
    return str(target)


def _target(url: str, path: str | None) -> Path:
    name = url.rsplit("/", 1)[-1]
    if path is None:
        if not name:
            raise CheckError(f"Can't construct file-name from this URL. Please set the `path` option. Received: {url}.")
        return Path(name)
    expanded = Path(path).expanduser()
    return expanded / name if expanded.is_dir() else expanded


def _fetch(url: str, target: Path, sha1_hash: str | None, verify_ssl: bool) -> None:
    """Fetch to a file beside the target, which only a whole and right one replaces."""
    descriptor, partial = tempfile.mkstemp(prefix=target.name + ".", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in _blocks(url, verify_ssl):
                file.write(block)
        if sha1_hash and not check_sha1(partial, sha1_hash):
            raise MXNetError(f"a content whose SHA-1 is not {sha1_hash}; the repository may have changed")
        shutil.copymode(target, partial) if target.exists() else os.chmod(partial, 0o644)
        replace_file(partial, str(target))
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _blocks(url: str, verify_ssl: bool) -> Iterator[bytes]:
    """The content, piece by piece: by `requests` where it is installed (it knows more proxies), else by urllib."""
    try:
        import requests
    except ImportError:
        yield from _blocks_by_urllib(url, verify_ssl)
        return
    response: Any = requests.get(url, stream=True, verify=verify_ssl, timeout=TIMEOUT)
    if response.status_code != 200:
        raise MXNetError(f"status {response.status_code}")
    for block in response.iter_content(chunk_size=BLOCK):
        if block:
            yield block


def _blocks_by_urllib(url: str, verify_ssl: bool) -> Iterator[bytes]:
    import ssl

    if not url.startswith(("http://", "https://")):
        raise MXNetError("a URL of another kind than http or https")
    context = ssl.create_default_context() if verify_ssl else ssl._create_unverified_context()
    # not urlopen, which keeps the proxies of the first call
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=TIMEOUT) as response:
        while block := response.read(BLOCK):
            yield block
