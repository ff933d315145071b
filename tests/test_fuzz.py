"""
A service gone mad: whatever bytes, frames and JSON it sends, nothing breaks but the
connection, and nothing grows without bounds.
"""

from __future__ import annotations

import itertools
import json
import logging
import socket
import threading
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest
from event_samples import server_samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers import CLOSE, CONT, PING, TEXT, Peer, Talk, frame
from services import Place

from azure_realtime._bounded import weight_of
from azure_realtime._codec import Codec
from azure_realtime._wire import Wire
from azure_realtime.errors import ConnectionClosed
from azure_realtime.events import InvalidMessage, ServerEvent
