"""solti-runner-command: a runner plugin that is not written in Go.

It runs tasks of the kind Command of example.dev/v1: a program with arguments. It follows
docs/plugin-protocol.md section by section and passes the conformance suite. What it leaves out: TLS,
asking the kernel who connects, and finding processes that have left their group (that takes a cgroup).
"""

import collections
import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2

from solti.plugin.v1 import errors_pb2, runner_pb2, runner_pb2_grpc
from solti.task.v1 import task_pb2

NAME, VERSION, KIND = "command", "0.1.0", ("example.dev/v1", "Command")
COOKIE = ("SOLTI_RUNNER_PLUGIN", "b7c1f1de-3f0a-4c0e-9d55-6a0f8a2f4b1e")
PROTOCOL = 1
MAX_MESSAGE = (4 << 20) + (64 << 10)
MAX_CHUNK = 32 << 10
MAX_SPEC = 4 << 20
MAX_RUNS = 64
REMEMBER = 4096
SPEC = "spec.workload.spec"
SCHEMA = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "minLength": 1},
        "args": {"type": "array", "items": {"type": "string"}},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["command"],
    "additionalProperties": False,
}


def log(level, message, **more):
    """Section 1: one JSON object per line on standard error."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
    entry = {"@level": level, "@message": message, "@timestamp": stamp, **more}
    sys.stderr.write(json.dumps(entry) + "\n")
    sys.stderr.flush()


class Refusal(Exception):
    """Section 6: an error with a reason, as every RPC error has one."""

    def __init__(self, code, reason, text, path=None, retryable=False):
        super().__init__(text)
        self.code, self.text = code, text
        self.detail = errors_pb2.ErrorDetail(reason=reason, retryable=retryable)
        if path is not None:
            self.detail.violations.add(path=path, message=text)

    def abort(self, context):
        text = self.text[:2000]
        status = status_pb2.Status(code=self.code.value[0], message=text)
        packed = any_pb2.Any()
        packed.Pack(self.detail)
        status.details.append(packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(self.code, text)


def invalid(path, text):
    path = f"{SPEC}.{path}" if path else SPEC
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, errors_pb2.REASON_INVALID_SPEC, text, path)


def misuse(text):
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, errors_pb2.REASON_INVALID_SPEC, text)


def conflict(text, code=grpc.StatusCode.ALREADY_EXISTS):
    return Refusal(code, errors_pb2.REASON_CONFLICT, text)


def unknown_handle(handle_id):
    return Refusal(grpc.StatusCode.NOT_FOUND, errors_pb2.REASON_NOT_FOUND, f"no handle {handle_id}")


class Recent(collections.OrderedDict):
    """The last few thousand of something."""

    def put(self, key, value):
        self[key] = value
        if len(self) > REMEMBER:
            self.popitem(last=False)


class Handle:
    """A task that was checked: what to run."""

    def __init__(self, request):
        workload = request.task.spec.workload
        if (workload.api_version, workload.kind) != KIND:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                errors_pb2.REASON_UNSUPPORTED_KIND,
                f"kind {workload.api_version} {workload.kind} is not supported",
            )
        if len(workload.spec_json) > MAX_SPEC:
            raise invalid("", "is larger than 4 MiB")
        try:
            spec = json.loads(workload.spec_json or b"{}")
        except ValueError as error:
            raise invalid("", str(error)) from error
        self.check(spec)
        self.argv = [spec["command"], *spec.get("args", [])]
        self.env = {**spec.get("env", {}), **request.context.env}
        self.content = self.digest(request)
        self.live = None  # the run that has the handle
        self.released = False

    @staticmethod
    def check(spec):
        if not isinstance(spec, dict):
            raise invalid("", "must be an object")
        for key in spec:
            if key not in SCHEMA["properties"]:
                raise invalid(key, "unknown field")
        if "command" not in spec:
            raise Refusal(
                grpc.StatusCode.INVALID_ARGUMENT, errors_pb2.REASON_MISSING_FIELD,
                "is required", f"{SPEC}.command",
            )
        if not isinstance(spec["command"], str) or not spec["command"]:
            raise invalid("command", "must be a string that is not empty")
        args, env = spec.get("args", []), spec.get("env", {})
        if not isinstance(args, list) or not all(isinstance(a, str) for a in args):
            raise invalid("args", "must be an array of strings")
        if not isinstance(env, dict) or not all(isinstance(v, str) for v in env.values()):
            raise invalid("env", "must be an object of strings")

    @staticmethod
    def digest(request):
        """The content of a handle: what a repeated request has to have in common with the first."""
        meta = request.task.metadata
        seen = runner_pb2.BuildTaskRequest(
            context=request.context,
            task=task_pb2.Task(
                spec=request.task.spec,
                metadata=task_pb2.Metadata(
                    name=meta.name, uid=meta.uid, generation=meta.generation,
                    labels=meta.labels, annotations=meta.annotations,
                ),
            ),
        )
        return hashlib.sha256(seen.SerializeToString(deterministic=True)).digest()


class Run:
    """One attempt: its process group, its output, and how it is stopped."""

    def __init__(self, request):
        self.id = request.run_id
        self.grace = request.stop_grace.ToTimedelta().total_seconds() if request.HasField("stop_grace") else 5.0
        self.lock = threading.Lock()
        self.process = None  # guarded by lock, as are the next four
        self.stopped = False
        self.forced = False
        self.deadline = None
        self.timer = None
        self.chunks = queue.Queue(maxsize=8)  # bounded: a slow host makes the task wait
        self.gone = threading.Event()  # the host does not listen any more
        self.over = threading.Event()  # nothing of the run is alive

    def start(self, argv, env):
        with self.lock:
            if self.stopped:
                return False
            self.process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True, bufsize=0,
            )
        readers = [
            threading.Thread(target=self.read, args=(stream, pipe), daemon=True)
            for stream, pipe in (
                (runner_pb2.STREAM_STDOUT, self.process.stdout),
                (runner_pb2.STREAM_STDERR, self.process.stderr),
            )
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self.reap, args=(readers,), daemon=True).start()
        return True

    def read(self, stream, pipe):
        with pipe:
            while data := pipe.read(MAX_CHUNK):
                self.put((stream, data))

    def put(self, item):
        while not self.gone.is_set():
            try:
                return self.chunks.put(item, timeout=0.2)
            except queue.Full:
                continue

    def reap(self, readers):
        """Waits for the leader, ends the rest of its group, and then for the last byte of output."""
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)  # its number stays taken
        self.signal(signal.SIGKILL)
        for reader in readers:
            reader.join()
        with self.lock:
            self.process.wait()
            if self.timer:
                self.timer.cancel()
        self.over.set()
        self.put(None)

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def stop(self, grace):
        """Asks, and forces when the grace is over. A further stop may only shorten it."""
        with self.lock:
            deadline = time.monotonic() + grace
            if self.forced or (self.stopped and deadline >= self.deadline):
                return
            first, self.stopped, self.deadline = not self.stopped, True, deadline
            if self.timer:
                self.timer.cancel()
            if grace > 0:
                self.timer = threading.Timer(grace, self.force)
                self.timer.daemon = True
                self.timer.start()
                if first and self.process and self.process.returncode is None:
                    self.signal(signal.SIGTERM)
                return
        self.force()

    def force(self):
        with self.lock:
            self.stopped = self.forced = True
            if self.process and self.process.returncode is None:
                self.signal(signal.SIGKILL)

    def abandon(self):
        """The stream is over: by itself, or because the host has canceled it."""
        self.gone.set()
        self.force()
        try:
            self.chunks.put_nowait(None)  # wakes whoever waits for output
        except queue.Full:
            pass

    def exited(self, totals):
        code = self.process.returncode if self.process else None
        x = runner_pb2.Exited(stdout_bytes=totals[runner_pb2.STREAM_STDOUT], stderr_bytes=totals[runner_pb2.STREAM_STDERR])
        if code is not None and code >= 0:
            x.exit_code = code
        elif code is not None:
            x.signal = signal.Signals(-code).name
        if self.stopped:
            x.result, x.message = runner_pb2.RESULT_CANCELED, "stopped"
        elif code == 0:
            x.result = runner_pb2.RESULT_SUCCEEDED
        else:
            x.result = runner_pb2.RESULT_FAILED
            x.message = f"killed by {x.signal}" if code < 0 else f"exit status {code}"
        return x


class Runner(runner_pb2_grpc.RunnerServiceServicer):
    """Section 3: the calls."""

    def __init__(self):
        self.lock = threading.Lock()
        self.handles = {}  # guarded by lock, as are the next four
        self.live = {}
        self.past = Recent()
        self.early = Recent()  # stops that came before their run
        self.closed = False

    def Name(self, request, context):
        return runner_pb2.NameResponse(
            name=NAME, version=VERSION, limits=runner_pb2.Limits(max_runs=MAX_RUNS),
            kinds=[runner_pb2.KindInfo(
                api_version=KIND[0], kind=KIND[1], spec_schema=json.dumps(SCHEMA).encode(), supports_all=True,
            )],
        )

    def Supports(self, request, context):
        workload = request.task.spec.workload
        if (workload.api_version, workload.kind) == KIND:
            return runner_pb2.SupportsResponse(supported=True)
        return runner_pb2.SupportsResponse(reason=f"kind {workload.api_version} {workload.kind} is not supported")

    def BuildTask(self, request, context):
        try:
            self.build(request)
        except Refusal as refusal:
            refusal.abort(context)
        return runner_pb2.BuildTaskResponse()

    def build(self, request):
        handle = Handle(request)
        if request.dry_run:
            return handle
        if not 1 <= len(request.handle_id) <= 128:
            raise misuse("handle_id has 1 to 128 bytes")
        with self.lock:
            known = self.handles.setdefault(request.handle_id, handle)
        if known.content != handle.content:
            raise conflict(f"handle {request.handle_id} is known with other content")
        return known

    def StopTask(self, request, context):
        grace = max(request.grace.ToTimedelta().total_seconds(), 0)
        with self.lock:
            run = self.live.get(request.run_id)
            if run is None and request.run_id not in self.past:
                self.early.put(request.run_id, grace)
        if run:
            run.stop(grace)
        return runner_pb2.StopTaskResponse()

    def ReleaseTask(self, request, context):
        with self.lock:
            for handle_id in request.handle_ids:
                handle = self.handles.pop(handle_id, None)
                if handle:
                    handle.released = True
        return runner_pb2.ReleaseTaskResponse()

    def RunTask(self, request, context):
        try:
            handle, run = self.admit(request)
        except Refusal as refusal:
            refusal.abort(context)
        if not context.add_callback(run.abandon):
            run.abandon()
        try:
            last = None
            for frames, last in self.frames(handle, run, request):
                if frames:
                    yield runner_pb2.RunTaskResponse(frames=frames)
        finally:
            run.abandon()
            if run.process:
                run.over.wait()
            self.dismiss(handle, run)
        yield runner_pb2.RunTaskResponse(frames=[last])  # a host that has read it may run the handle again

    def admit(self, request):
        if not request.run_id or not request.handle_id:
            raise misuse("run_id and handle_id are required")
        with self.lock:
            handle = self.handles.get(request.handle_id)
        if handle is None and not request.HasField("build"):
            raise unknown_handle(request.handle_id)
        handle = handle or self.build(request.build)
        run = Run(request)
        with self.lock:
            if run.id in self.live or run.id in self.past:
                raise conflict(f"run {run.id} is known already")
            if self.closed:
                raise Refusal(
                    grpc.StatusCode.UNAVAILABLE, errors_pb2.REASON_NOT_READY, "the plugin is stopping", retryable=True)
            if len(self.live) >= MAX_RUNS:
                raise Refusal(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, errors_pb2.REASON_CAPACITY, "no room", retryable=True)
            if handle.released:
                raise unknown_handle(request.handle_id)
            if handle.live:
                raise conflict(
                    f"handle {request.handle_id} has a live attempt, run {handle.live}",
                    grpc.StatusCode.FAILED_PRECONDITION)
            handle.live, self.live[run.id] = run.id, run
            grace = self.early.get(run.id)
        if grace is not None:
            run.stop(grace)
        return handle, run

    def dismiss(self, handle, run):
        with self.lock:
            handle.live = None
            self.live.pop(run.id, None)
            self.past.put(run.id, True)

    def frames(self, handle, run, request):
        """Section 4: yields frames to send, and at last the Exited frame beside none."""
        seq, totals = 0, {runner_pb2.STREAM_STDOUT: 0, runner_pb2.STREAM_STDERR: 0}

        def frame(**body):
            nonlocal seq
            seq += 1
            return runner_pb2.Frame(seq=seq, **body)

        try:
            started = run.start(handle.argv, {**handle.env, **request.env})
        except (OSError, ValueError) as error:
            failed = runner_pb2.Exited(result=runner_pb2.RESULT_START_FAILED, message=str(error))
            yield None, frame(exited=failed)
            return
        if not started:
            yield None, frame(exited=run.exited(totals))
            return
        yield [frame(started=runner_pb2.Started(external_id=str(run.process.pid)))], None
        while True:
            try:
                item = run.chunks.get(timeout=10)
            except queue.Empty:
                yield [frame(heartbeat=runner_pb2.Heartbeat())], None
                continue
            if item is None or run.gone.is_set():
                break
            stream, data = item
            yield [frame(output=runner_pb2.Output(stream=stream, offset=totals[stream], data=data))], None
            totals[stream] += len(data)
        yield None, frame(exited=run.exited(totals))

    def stop_all(self):
        with self.lock:
            self.closed = True
            runs = list(self.live.values())
        for run in runs:
            run.stop(run.grace)
        deadline = time.monotonic() + max([run.grace for run in runs], default=0) + 3
        while time.monotonic() < deadline:
            with self.lock:
                if not self.live:
                    return
            time.sleep(0.02)


def small_services(end):
    """Section 2: health and shutdown, whose messages are small enough to be written by hand."""
    serving = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")

    def shutdown(request, context):
        end.set()
        return b""

    return (
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": serving}),
        grpc.method_handlers_generic_handler(
            "plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown)}),
    )


def read_lifeline(end):
    while os.read(0, 4096):
        pass
    end.set()


def main():
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        print(f"solti-runner-{NAME} {VERSION} is a runner plugin for solti-host, protocol {PROTOCOL}.\n"
              "It is not started by hand: put it into the host's plugin directory.", file=sys.stderr)
        return 1
    socket_dir = os.environ.get("PLUGIN_UNIX_SOCKET_DIR")
    for name in list(os.environ):
        if name == COOKIE[0] or name.startswith(("PLUGIN_", "SOLTI_")):
            del os.environ[name]
    end = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: None)  # caught, not ignored: children would inherit that
    signal.signal(signal.SIGTERM, lambda *_: end.set())

    path = tempfile.mktemp(prefix="plugin", dir=socket_dir)
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=MAX_RUNS + 32),
        options=(
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 1000),
        ),
    )
    runner = Runner()
    runner_pb2_grpc.add_RunnerServiceServicer_to_server(runner, server)
    server.add_generic_rpc_handlers(small_services(end))
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"1|{PROTOCOL}|unix|{path}|grpc|", flush=True)
    threading.Thread(target=read_lifeline, args=(end,), daemon=True).start()

    while not end.wait(0.2):  # in steps, so that signals are handled
        pass
    log("debug", "plugin stops")
    runner.stop_all()
    server.stop(0.1).wait(1)
    os._exit(0)  # threads that still wait for something are of no use to anybody


if __name__ == "__main__":
    sys.exit(main())
