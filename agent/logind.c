/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/backoff.h"
#include "agent/desktop.h"
#include "base/log.h"
#include "base/util.h"

#define SERVICE         "org.freedesktop.login1"
#define MANAGER_PATH    "/org/freedesktop/login1"
#define MANAGER         SERVICE ".Manager"
#define SESSION         SERVICE ".Session"
#define PROPERTIES      "org.freedesktop.DBus.Properties"
#define DEFAULT_ADDRESS "unix:path=/run/dbus/system_bus_socket"

struct logind {
    struct agent *agent;
    sd_bus *bus;
    struct backoff backoff;
    bool worked;             /* this connection has had an answer */
    int inhibitor;           /* keeps the machine awake until we are ready to sleep, or -1 */
    char *session;           /* object path of our session, or NULL */
    sd_bus_slot *signals;    /* of that session */
    sd_bus_slot *properties; /* the same */
};

static void connect_bus(void *user);

static void drop_session(struct logind *logind)
{
    logind->signals = sd_bus_slot_unref(logind->signals);
    logind->properties = sd_bus_slot_unref(logind->properties);
    free(TAKE_PTR(logind->session));
}

static void let_sleep(struct logind *logind)
{
    if (logind->inhibitor >= 0)
        close(TAKE_FD(logind->inhibitor));
}

/* True when the answer is an error, which is told once: there is no more to do about it. */
static bool refused(sd_bus_message *answer, const char *what)
{
    const sd_bus_error *error = sd_bus_message_get_error(answer);

    if (error != NULL)
        log_info("logind, %s: %s", what, error->message != NULL ? error->message : error->name);
    return error != NULL;
}

/* A match that could not be installed must not end the connection, as it would without this. */
static int on_installed(sd_bus_message *answer, void *user, sd_bus_error *error)
{
    (void)user;
    (void)error;
    (void)refused(answer, "signals");
    return 0;
}

static int on_inhibitor(sd_bus_message *answer, void *user, sd_bus_error *error)
{
    struct logind *logind = user;
    int fd = -1;

    (void)error;
    if (refused(answer, "no delay of sleep") || sd_bus_message_read(answer, "h", &fd) < 0)
        return 0;
    logind->worked = true;
    let_sleep(logind);
    logind->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the message keeps its own */
    return 0;
}

static void inhibit(struct logind *logind)
{
    (void)sd_bus_call_method_async(logind->bus, NULL, SERVICE, MANAGER_PATH, MANAGER, "Inhibit",
                                   on_inhibitor, logind, "ssss", "sleep", "cps-agent",
                                   "The PIN of the card is forgotten", "delay");
}

/* Active and LockedHint, as far as this dictionary of properties tells them. */
static int read_properties(struct logind *logind, sd_bus_message *message)
{
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        const char *name = "";
        int value = 0;

        r = sd_bus_message_read(message, "s", &name);
        if (r >= 0 && strcmp(name, "Active") == 0) {
            r = sd_bus_message_read(message, "v", "b", &value);
            if (r >= 0)
                desktop_set_active(logind->agent->desktop, value);
        } else if (r >= 0 && strcmp(name, "LockedHint") == 0) {
            r = sd_bus_message_read(message, "v", "b", &value);
            if (r >= 0)
                desktop_set_locked(logind->agent->desktop, value);
        } else if (r >= 0) {
            r = sd_bus_message_skip(message, "v");
        }
        if (r >= 0)
            r = sd_bus_message_exit_container(message);
    }
    return r;
}

static int on_properties(sd_bus_message *message, void *user, sd_bus_error *error)
{
    const char *interface = "";

    (void)error;
    if (sd_bus_message_read(message, "s", &interface) >= 0 && strcmp(interface, SESSION) == 0)
        (void)read_properties(user, message);
    return 0;
}

static int on_all_properties(sd_bus_message *answer, void *user, sd_bus_error *error)
{
    (void)error;
    if (refused(answer, "our session"))
        drop_session(user); /* there is none, whatever path we were told: another one may come */
    else
        (void)read_properties(user, answer);
    return 0;
}

static int on_session_signal(sd_bus_message *message, void *user, sd_bus_error *error)
{
    struct logind *logind = user;

    (void)error;
    if (sd_bus_message_is_signal(message, SESSION, "Lock"))
        desktop_set_locked(logind->agent->desktop, true);
    else if (sd_bus_message_is_signal(message, SESSION, "Unlock"))
        desktop_set_locked(logind->agent->desktop, false);
    return 0;
}

static void follow(struct logind *logind, const char *path)
{
    drop_session(logind);
    logind->session = strdup(path);
    (void)sd_bus_match_signal_async(logind->bus, &logind->signals, SERVICE, path, SESSION, NULL,
                                    on_session_signal, on_installed, logind);
    (void)sd_bus_match_signal_async(logind->bus, &logind->properties, SERVICE, path, PROPERTIES,
                                    "PropertiesChanged", on_properties, on_installed, logind);
    (void)sd_bus_call_method_async(logind->bus, NULL, SERVICE, path, PROPERTIES, "GetAll",
                                   on_all_properties, logind, "s", SESSION);
}

static int on_session(sd_bus_message *answer, void *user, sd_bus_error *error)
{
    struct logind *logind = user;
    const char *path = NULL;

    (void)error;
    if (!refused(answer, "our session") && sd_bus_message_read(answer, "o", &path) >= 0) {
        logind->worked = true;
        follow(logind, path);
    }
    return 0;
}

/* A service of the user belongs to no session: "auto" is then the one on the user's display. */
static void find_session(struct logind *logind)
{
    const char *id = getenv("XDG_SESSION_ID");

    (void)sd_bus_call_method_async(logind->bus, NULL, SERVICE, MANAGER_PATH, MANAGER, "GetSession",
                                   on_session, logind, "s", id != NULL ? id : "auto");
}

static void on_ready_to_sleep(void *user)
{
    let_sleep(user);
}

/* Ours has ended: nobody is at the desk until another one is found. */
static void session_removed(struct logind *logind, sd_bus_message *message)
{
    const char *id, *path;

    if (sd_bus_message_read(message, "so", &id, &path) < 0 || logind->session == NULL ||
        strcmp(path, logind->session) != 0)
        return;
    drop_session(logind);
    desktop_set_active(logind->agent->desktop, false);
    find_session(logind);
}

static int on_manager_signal(sd_bus_message *message, void *user, sd_bus_error *error)
{
    struct logind *logind = user;
    int sleeping = 0;

    (void)error;
    if (sd_bus_message_is_signal(message, MANAGER, "SessionRemoved")) {
        session_removed(logind, message);
    } else if (sd_bus_message_is_signal(message, MANAGER, "SessionNew")) {
        if (logind->session == NULL)
            find_session(logind);
    } else if (sd_bus_message_is_signal(message, MANAGER, "PrepareForSleep") &&
               sd_bus_message_read(message, "b", &sleeping) >= 0) {
        if (sleeping) {
            desktop_sleep(logind->agent->desktop, on_ready_to_sleep, logind);
        } else {
            inhibit(logind);
            desktop_wake(logind->agent->desktop);
        }
    }
    return 0;
}

/* The end of a sleep may have been missed: whoever runs is awake. */
static void begin(struct logind *logind)
{
    desktop_wake(logind->agent->desktop);
    inhibit(logind);
    find_session(logind);
}

/* logind was restarted: it knows nothing of our inhibitor. */
static int on_owner_changed(sd_bus_message *message, void *user, sd_bus_error *error)
{
    struct logind *logind = user;
    const char *name, *old, *new;

    (void)error;
    if (sd_bus_message_read(message, "sss", &name, &old, &new) < 0)
        return 0;
    log_info("logind: %s", new[0] != '\0' ? "there" : "gone");
    let_sleep(logind);
    drop_session(logind);
    if (new[0] != '\0')
        begin(logind);
    return 0;
}

static void disconnect_bus(struct logind *logind)
{
    let_sleep(logind);
    drop_session(logind);
    logind->bus = sd_bus_close_unref(logind->bus);
}

/* The bus was there and is not any more. One that never answered is not there: nobody waits for it.
 */
static int on_disconnected(sd_bus_message *message, void *user, sd_bus_error *error)
{
    struct logind *logind = user;

    (void)message;
    (void)error;
    log_info("the system bus is gone");
    if (logind->worked)
        backoff_failed(&logind->backoff, logind->agent->event, connect_bus, logind);
    logind->worked = false;
    return 0;
}

static int add_matches(struct logind *logind)
{
    int r = sd_bus_match_signal_async(logind->bus, NULL, SERVICE, MANAGER_PATH, MANAGER, NULL,
                                      on_manager_signal, on_installed, logind);

    if (r >= 0)
        r = sd_bus_add_match_async(logind->bus, NULL,
                                   "type='signal',sender='org.freedesktop.DBus',"
                                   "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                                   "arg0='" SERVICE "'",
                                   on_owner_changed, on_installed, logind);
    if (r >= 0)
        r = sd_bus_match_signal(logind->bus, NULL, NULL, "/org/freedesktop/DBus/Local",
                                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                logind);
    return r;
}

/* Only a socket of this machine: the agent knows no network. */
static int open_bus(struct logind *logind)
{
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
    int r;

    if (address == NULL)
        address = DEFAULT_ADDRESS;
    if (strncmp(address, "unix:", 5) != 0)
        return -EAFNOSUPPORT;
    r = sd_bus_new(&logind->bus);
    if (r >= 0)
        r = sd_bus_set_address(logind->bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(logind->bus, true);
    if (r >= 0)
        r = sd_bus_negotiate_fds(logind->bus, true);
    if (r >= 0)
        r = sd_bus_set_method_call_timeout(logind->bus, LOGIND_TIMEOUT_MS * 1000ULL);
    if (r >= 0)
        r = sd_bus_start(logind->bus);
    if (r >= 0)
        r = sd_bus_attach_event(logind->bus, logind->agent->event, SD_EVENT_PRIORITY_NORMAL);
    return r;
}

static void connect_bus(void *user)
{
    struct logind *logind = user;
    int r;

    disconnect_bus(logind);
    r = open_bus(logind);
    if (r >= 0)
        r = add_matches(logind);
    if (r >= 0) {
        begin(logind);
        return;
    }
    log_info("no system bus, hence no news of sleep and of the desktop session: %s", strerror(-r));
    disconnect_bus(logind);
}

void logind_start(struct logind *logind)
{
    connect_bus(logind);
}

struct logind *logind_new(struct agent *agent)
{
    struct logind *logind = calloc(1, sizeof *logind);

    if (logind == NULL)
        return NULL;
    logind->agent = agent;
    logind->inhibitor = -1;
    return logind;
}

void logind_free(struct logind *logind)
{
    if (logind == NULL)
        return;
    backoff_done(&logind->backoff);
    disconnect_bus(logind);
    free(logind);
}
