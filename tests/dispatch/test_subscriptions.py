"""
The registry of listeners.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import pytest

from azure_realtime._dispatch.event_keys import key_for
from azure_realtime._dispatch.subscriptions import Subscription, Subscriptions
from azure_realtime.events import (
    SERVER_EVENTS,
    Disconnected,
    Init,
    ResponseOutputAudioDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    UnknownEvent,
)

CREATED, INIT, DISCONNECTED = SessionCreated(), Init(), Disconnected()
DELTA = ResponseOutputAudioDelta(delta="AAAA")


def nothing(event: Any) -> None:
    """
    Listen without consequence.
    """


def subscribe(
    registry: Subscriptions, event: Any, once: bool = False, listener: Any = nothing
) -> tuple[Subscription, list[ServerEvent]]:
    """
    Register; return the subscription and what it has missed.
    """
    subscription = Subscription(key_for(event), listener, once)
    return subscription, registry.add(subscription)


def take(registry: Subscriptions, event: ServerEvent) -> list[Subscription]:
    """
    Return the subscriptions that are called with *event*.
    """
    return [s for s in registry.take(event) if registry.claim(s)]


@pytest.mark.parametrize(
    "name",
    ["response.audio.delta", "response.output_audio.delta", ResponseOutputAudioDelta],
)
def test_every_name_of_an_event_is_the_same_subscription(name: Any) -> None:
    """
    A subscription by either name, or by class, gets the event, and `off` by another name
    ends it.
    """
    registry = Subscriptions()
    subscription, _ = subscribe(registry, name)
    assert take(registry, DELTA) == [subscription]
    registry.remove(key_for("response.audio.delta"), nothing)
    assert take(registry, DELTA) == []


@pytest.mark.parametrize("kind", SERVER_EVENTS.values())
def test_a_class_is_the_same_subscription_as_its_name(kind: type[ServerEvent]) -> None:
    """
    A listener of a class that only the preview protocol sends gets the GA event as well.
    """
    assert key_for(kind.type) == key_for(kind)


def test_invalid_names_are_refused() -> None:
    """
    What is neither a name nor an event class is a TypeError.
    """
    for name in (None, 5, int, DELTA, object):
        with pytest.raises(TypeError, match="named by its type or its class"):
            key_for(name)  # type: ignore[arg-type]


def test_the_order_of_registration_is_the_order_of_calls() -> None:
    """
    Listeners of an event are called in the order they came; "*" comes last.
    """
    registry = Subscriptions()
    everything, _ = subscribe(registry, "*")
    first, _ = subscribe(registry, "init")
    second, _ = subscribe(registry, Init)
    assert take(registry, INIT) == [first, second, everything]


def test_an_unknown_event_is_delivered_under_its_own_name() -> None:
    """
    An unknown event is delivered under its own name, as UnknownEvent, and to "*".
    """
    registry = Subscriptions()
    by_name, _ = subscribe(registry, "brand.new")
    by_class, _ = subscribe(registry, UnknownEvent)
    everything, _ = subscribe(registry, ServerEvent)
    event = UnknownEvent(type="brand.new")
    assert take(registry, event) == [by_name, by_class, everything]
    assert take(registry, UnknownEvent(type="other")) == [by_class, everything]


@pytest.mark.parametrize("event", [CREATED, INIT, DISCONNECTED], ids=lambda e: e.type)
@pytest.mark.parametrize("name", ["own", "*"])
def test_a_late_listener_gets_the_current_state(event: ServerEvent, name: str) -> None:
    """
    A listener that subscribes after `init` and similar events gets them at once.
    """
    registry = Subscriptions()
    assert take(registry, event) == []
    _, missed = subscribe(registry, event.type if name == "own" else name)
    assert missed == [event]


def test_an_early_listener_gets_a_state_once() -> None:
    """
    A listener that got `init` when it happened does not get it again.
    """
    registry = Subscriptions()
    subscription, missed = subscribe(registry, "init")
    assert missed == []
    assert take(registry, INIT) == [subscription]


def test_an_event_that_is_no_state_is_not_repeated() -> None:
    """
    It is delivered only to listeners that had subscribed before.
    """
    registry = Subscriptions()
    take(registry, DELTA)
    take(registry, SessionUpdated())
    assert subscribe(registry, "*")[1] == []


def test_the_latest_state_counts() -> None:
    """
    After a loss no listener receives the events of a ready session; after a reconnect no
    listener receives the loss.
    """
    registry = Subscriptions()
    for event in (CREATED, INIT, DISCONNECTED):
        take(registry, event)
    assert subscribe(registry, "*")[1] == [DISCONNECTED]
    again, ready = SessionCreated(generation=1), Init(generation=1)
    take(registry, again)
    take(registry, ready)
    missed = subscribe(registry, "*")[1]
    assert [id(event) for event in missed] == [id(again), id(ready)]


def test_a_state_is_delivered_exactly_once_whenever_a_listener_subscribes() -> None:
    """
    Listeners that subscribe at the very moment of `init` all get it, each once.
    """
    for _ in range(30):
        registry = Subscriptions()
        barrier = threading.Barrier(5)
        missed: list[tuple[Subscription, list[ServerEvent]]] = []

        def late(
            registry: Subscriptions = registry,
            barrier: threading.Barrier = barrier,
            missed: list[Any] = missed,
        ) -> None:
            barrier.wait(5.0)
            missed.append(subscribe(registry, "init"))

        threads = [threading.Thread(target=late) for _ in range(4)]
        for thread in threads:
            thread.start()
        barrier.wait(5.0)
        called = take(registry, INIT)
        for thread in threads:
            thread.join(5.0)
        for subscription, events in missed:
            assert called.count(subscription) + len(events) == 1


def test_a_once_listener_is_called_once() -> None:
    """
    A "once" listener is called with one event, though two were queued.
    """
    registry = Subscriptions()
    subscription, _ = subscribe(registry, "init", once=True)
    first, second = registry.take(INIT), registry.take(INIT)
    assert first == second == (subscription,)
    assert registry.claim(subscription)
    assert not registry.claim(subscription)
    assert registry.take(INIT) == ()
    assert not registry.has_listener(UnknownEvent(type="init"))


def test_once_for_everything_takes_one_of_several_states() -> None:
    """
    `once("*")` after the session was made gets one event, not all that were missed.
    """
    registry = Subscriptions()
    for event in (CREATED, INIT):
        take(registry, event)
    subscription, missed = subscribe(registry, "*", once=True)
    assert missed == [CREATED, INIT]
    assert [registry.claim(subscription) for _ in missed] == [True, False]


def test_once_belongs_to_the_subscription() -> None:
    """
    The same function may listen once and for good at the same time.
    """
    registry = Subscriptions()
    once, _ = subscribe(registry, "init", once=True)
    always, _ = subscribe(registry, "init")
    assert take(registry, INIT) == [once, always]
    assert take(registry, INIT) == [always]


def test_off_takes_effect_at_once() -> None:
    """
    After `off` returns the listener is not called, not even with a queued event.
    """
    registry = Subscriptions()
    subscription, _ = subscribe(registry, "init")
    queued = registry.take(INIT)
    registry.remove("init", nothing)
    assert queued == (subscription,)
    assert not registry.claim(subscription)


@pytest.mark.parametrize("how", ["off", "once"])
def test_a_removed_listener_is_not_kept_alive(how: str) -> None:
    """
    After `off`, or the one call, nothing of the registry refers to the function.
    """
    registry = Subscriptions()

    def listener(event: Any) -> None:
        """
        Do nothing.
        """

    subscribe(registry, DELTA.type)  # another, so that the event has a listener
    subscription, _ = subscribe(registry, DELTA.type, how == "once", listener)
    assert subscription in registry.take(DELTA)
    if how == "off":
        registry.remove(DELTA.type, listener)
    else:
        assert registry.claim(subscription)
    kept = weakref.ref(listener)
    del listener, subscription
    assert kept() is None


def test_off_takes_only_what_it_names() -> None:
    """
    `off` with a function leaves the others, without one it leaves none; what was never
    registered is no error.
    """
    registry = Subscriptions()
    listeners = [lambda event: None, lambda event: None]
    mine, _ = subscribe(registry, "init", listener=listeners[0])
    other, _ = subscribe(registry, "init", listener=listeners[1])
    elsewhere, _ = subscribe(registry, "*", listener=listeners[0])
    registry.remove("init", listeners[0])
    registry.remove("init", nothing)
    registry.remove("never.heard.of")
    assert take(registry, INIT) == [other, elsewhere]
    registry.remove("init")
    assert take(registry, INIT) == [elsewhere]
    assert not mine.active


def test_a_bound_method_can_be_taken_off() -> None:
    """
    `off(event, self.method)` works although every access makes a new method object.
    """

    class Player:
        def play(self, event: Any) -> None:
            """
            Do nothing.
            """

    player, registry = Player(), Subscriptions()
    subscribe(registry, "init", listener=player.play)
    registry.remove("init", player.play)
    assert take(registry, INIT) == []


def test_off_all_removes_every_listener() -> None:
    """
    After `off_all` no listener is called.
    """
    registry = Subscriptions()
    for name in ("init", "*", "brand.new"):
        subscribe(registry, name)
    registry.clear()
    assert take(registry, INIT) == []
    assert not registry.has_listener(UnknownEvent(type="brand.new"))


def test_listeners_may_come_and_go_while_an_event_is_delivered() -> None:
    """
    A subscription made in a callback gets the next event; a removed one not even this.
    """
    registry = Subscriptions()
    subscribe(registry, "init")
    queued = registry.take(DELTA)
    _, missed = subscribe(registry, DELTA.type)
    assert (queued, missed) == ((), [])
    assert len(registry.take(DELTA)) == 1
