/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt/display.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/terminal.h"
#include "base/json.h"
#include "base/util.h"

static void set_or_unset(const char *variable, const char *value)
{
    if (value != NULL)
        setenv(variable, value, 1);
    else
        unsetenv(variable);
}

void display_apply(const json_t *display)
{
    const char *x11 = json_get_string(display, "display");
    const char *wayland = json_get_string(display, "wayland_display");
    const char *bus = json_get_string(display, "dbus_session_bus_address");

    if (bus != NULL)
        setenv("DBUS_SESSION_BUS_ADDRESS", bus, 1);
    if (x11 == NULL && wayland == NULL && json_get_string(display, "tty") == NULL)
        return;
    set_or_unset("DISPLAY", x11);
    set_or_unset("WAYLAND_DISPLAY", wayland);
    set_or_unset("XAUTHORITY", json_get_string(display, "xauthority"));
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL && value[0] != '\0';
}

bool display_has_screen(void)
{
    return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
}

bool display_is_remote(void)
{
    const char *x11 = getenv("DISPLAY");

    return is_set("DISPLAY") && x11[0] != ':' && strncmp(x11, "unix:", 5) != 0;
}

struct terminal {
    int fd;
    struct termios settings;
};

struct terminal *terminal_save(const char *path)
{
    AUTO_FREE struct terminal *terminal = malloc(sizeof *terminal);
    AUTO_CLOSE int fd = -1;

    if (terminal == NULL || path == NULL)
        return NULL;
    fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &terminal->settings) < 0)
        return NULL;
    terminal->fd = TAKE_FD(fd);
    return TAKE_PTR(terminal);
}

void terminal_restore(struct terminal *terminal)
{
    static const char restore[] = TERMINAL_RESTORE;
    struct termios now;

    if (terminal == NULL)
        return;
    if (tcgetattr(terminal->fd, &now) == 0 && now.c_lflag != terminal->settings.c_lflag)
        (void)!write(terminal->fd, restore, sizeof restore - 1);
    (void)tcsetattr(terminal->fd, TCSANOW, &terminal->settings);
    close(terminal->fd);
    free(terminal);
}
