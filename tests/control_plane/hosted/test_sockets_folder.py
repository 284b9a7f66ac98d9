import stat

import pytest

from pairloom.control_plane.hosted.variants import sockets_folder
from pairloom.errors import PlatformError


def test_sockets_lie_in_a_folder_of_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    near, far = tmp_path / "d", tmp_path / "d" / ("x" * 100)
    for data in (near, far):
        folder = sockets_folder(data)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "left").touch()
        assert sockets_folder(data) == folder
        assert not list(folder.iterdir())
    assert sockets_folder(far).parent == tmp_path


def test_a_folder_that_others_can_reach_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = tmp_path / ("x" * 100)
    sockets_folder(data).chmod(0o755)
    with pytest.raises(PlatformError, match="this user alone"):
        sockets_folder(data)
