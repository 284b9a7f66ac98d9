"""The folder store against a dictionary, whatever is asked in whatever order."""

import hashlib
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from pairloom.object_storage import Attributes, Condition, FolderStore
from pairloom.object_storage.errors import NoSuchKeyError, PreconditionFailedError

keys = st.sampled_from(["a", "a/", "a/b", "a/b/c", "a!", "b", "/", "ä", "\U0001f600/x", "b//c"])
bodies = st.binary(max_size=40)


class StoreMachine(RuleBasedStateMachine):
    """Every answer is compared with what a dictionary of key to (body, content type) would give."""

    uploads = Bundle("uploads")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = FolderStore(Path(self.folder.name))
        self.store.create_bucket("bucket")
        self.model = {}

    def teardown(self):
        self.store.close()
        self.folder.cleanup()

    @rule(key=keys, body=bodies, kind=st.sampled_from(["text/csv", "text/html"]), only_new=st.booleans())
    def put(self, key, body, kind, only_new):
        condition = Condition(if_none_match=only_new)
        try:
            self.store.put("bucket", key, body, attributes=Attributes(kind), condition=condition)
        except PreconditionFailedError:
            assert only_new
            assert key in self.model
        else:
            assert not only_new or key not in self.model
            self.model[key] = (body, kind)

    @rule(key=keys, body=bodies, expected=bodies)
    def swap(self, key, body, expected):
        """Writes if the key holds what is expected."""
        condition = Condition(if_match=hashlib.md5(expected).hexdigest())
        holds = key in self.model and self.model[key][0] == expected
        try:
            self.store.put("bucket", key, body, condition=condition)
        except (PreconditionFailedError, NoSuchKeyError):
            assert not holds
        else:
            assert holds
            self.model[key] = (body, "binary/octet-stream")

    @rule(key=keys)
    def delete(self, key):
        self.store.delete("bucket", key)
        self.model.pop(key, None)

    @rule(source=keys, key=keys)
    def copy(self, source, key):
        try:
            self.store.copy(("bucket", source), "bucket", key)
        except NoSuchKeyError:
            assert source not in self.model
        else:
            self.model[key] = self.model[source]

    @rule(target=uploads, key=keys)
    def begin(self, key):
        return self.store.create_upload("bucket", key, attributes=Attributes("text/plain"))

    @rule(upload=consumes(uploads), body=bodies, announced=st.booleans(), number=st.integers(1, 10_000))
    def complete(self, upload, body, announced, number):
        with self.store.stage_part(upload, number, (), len(body) if announced else None) as staged:
            staged.write(body)
            part = self.store.keep_part(upload, number, staged)
        self.store.complete_upload(upload, [(number, part.etag, {})])
        self.model[upload.key] = (body, "text/plain")

    @rule(upload=consumes(uploads))
    def abort(self, upload):
        self.store.abort_upload(upload)

    @rule()
    def restart(self):
        self.store.close()
        self.store = FolderStore(Path(self.folder.name))

    @rule(key=keys, start=st.integers(0, 10), end=st.integers(0, 60))
    def read(self, key, start, end):
        if key not in self.model:
            return
        body = self.model[key][0]
        if start < len(body):
            with self.store.open("bucket", key, start, end) as opened:
                assert opened.read() == body[start:end]

    @rule(prefix=st.sampled_from(["", "a", "a/", "b", "ä"]), after=keys, limit=st.integers(1, 4))
    def pages(self, prefix, after, limit):
        found, at = [], after
        while at is not None:
            page = self.store.list("bucket", prefix, after=at, limit=limit)
            found += [info.key for info in page.objects]
            at = page.next_after
        expected = [key for key in self.model if key.startswith(prefix) and key.encode() > after.encode()]
        assert found == sorted(expected, key=str.encode)

    @rule(prefix=st.sampled_from(["", "a/"]), limit=st.integers(1, 4))
    def rolled_pages(self, prefix, limit):
        objects, prefixes, at = [], [], ""
        while at is not None:
            page = self.store.list("bucket", prefix, delimiter="/", after=at, limit=limit)
            objects += [info.key for info in page.objects]
            prefixes += page.prefixes
            at = page.next_after
        rest = {key: key[len(prefix) :] for key in self.model if key.startswith(prefix)}
        assert objects == sorted((key for key in rest if "/" not in rest[key]), key=str.encode)
        rolled = {prefix + rest[key].split("/")[0] + "/" for key in rest if "/" in rest[key]}
        assert prefixes == sorted(rolled, key=str.encode)

    @invariant()
    def holds_what_the_model_holds(self):
        listed = self.store.list("bucket").objects
        assert [info.key for info in listed] == sorted(self.model, key=str.encode)
        for info in listed:
            body, kind = self.model[info.key]
            assert (info.size_bytes, info.attributes.content_type) == (len(body), kind)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def get(self, data):
        key = data.draw(st.sampled_from(sorted(self.model)))
        with self.store.open("bucket", key) as opened:
            assert opened.read() == self.model[key][0]


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestStoreModel = StoreMachine.TestCase
