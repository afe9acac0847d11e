"""Serves rails with NeMo Guardrails' own server: python serve.py CONFIGURATIONS HOST PORT

The command `nemoguardrails server` listens on every address, logs each text it checks and keeps each in memory for as
long as it runs. This starts the same server without any of it, and without usage statistics; it has /metrics besides. Port
0 picks a free one.
"""

import logging
import os
import sys
import time

os.environ["NEMO_GUARDRAILS_NO_USAGE_STATS"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["NEMO_GUARDRAILS_DISABLE_CHAT_UI"] = "true"

import prometheus_client  # noqa: E402
import uvicorn  # noqa: E402
from nemoguardrails.rails.llm import llmrails  # noqa: E402
from nemoguardrails.server import api  # noqa: E402

REQUESTS = prometheus_client.Histogram(
    "guardrails_request_seconds",
    "How long it took to answer",
    ["path", "code"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PATHS = {"/v1/checks", "/v1/rails/configs"}  # what TaskPilot asks for; anything else is one series


class NoHistory(dict):
    """For the events of past conversations. A check has no past, and nothing would ever drop them."""

    def __setitem__(self, key, value):
        pass


class NoHistories(dict):
    def get(self, key, default=None):
        return NoHistory()


def measured(app):
    """The same application, with what it answers counted under /metrics."""
    metrics = prometheus_client.make_asgi_app()

    async def call(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        if scope["path"] == "/metrics":
            return await metrics(scope, receive, send)
        began, code = time.monotonic(), "none"

        async def note(message):
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        try:
            await app(scope, receive, note)
        finally:
            path = scope["path"] if scope["path"] in PATHS else "other"
            REQUESTS.labels(path, code).observe(time.monotonic() - began)

    return call


def main(configurations, host, port):
    api.app.rails_config_path = os.path.abspath(configurations)
    api.llm_rails_events_history_cache = NoHistories()
    # The server asks for verbose logs, texts included, whenever it loads a configuration.
    llmrails.set_verbose = lambda *args, **kwargs: None
    logging.getLogger("nemoguardrails").setLevel(logging.WARNING)
    uvicorn.run(measured(api.app), host=host, port=port, log_level="info", access_log=False)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: serve.py CONFIGURATIONS HOST PORT")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
