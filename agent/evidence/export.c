/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_journal_send() and syslog() wait for as long as the daemon does not read: a log that hangs
 * would take the files with it. The same datagrams are sent from here without waiting.
 */
#include "agent/evidence/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "base/json.h"
#include "base/util.h"

#define IDENTIFIER "cps-agent"

static const struct {
    const char *name;
    const char *socket; /* where every Linux system has it */
} targets[] = {
    [EXPORT_NONE] = {"none", NULL},
    [EXPORT_JOURNAL] = {"journal", "/run/systemd/journal/socket"},
    [EXPORT_SYSLOG] = {"syslog", "/dev/log"},
};

bool export_from_name(const char *name, enum export_target *ret_target)
{
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (strcmp(name, targets[i].name) == 0) {
            *ret_target = (enum export_target)i;
            return true;
        }
    return false;
}

/* The journal's own protocol: a field a line. A value never has two lines. */
static int for_journal(const char *line, char **ret_message)
{
    AUTO_JSON json_t *object = json_parse_strict(line, strlen(line));
    const char *event = json_get_string(object, "event");
    const char *result = json_get_string(object, "result");

    return asprintf(ret_message,
                    "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=" IDENTIFIER
                    "\nCPS_EVENT=%s\nCPS_RESULT=%s\n",
                    line, LOG_NOTICE, LOG_FAC(LOG_AUTHPRIV), event != NULL ? event : "",
                    result != NULL ? result : "");
}

/* As syslog(3) writes it. */
static int for_syslog(const char *line, char **ret_message)
{
    time_t now = time(NULL);
    struct tm local;
    char at[32];

    localtime_r(&now, &local);
    strftime(at, sizeof at, "%h %e %T", &local);
    return asprintf(ret_message, "<%d>%s " IDENTIFIER ": %s", LOG_AUTHPRIV | LOG_NOTICE, at, line);
}

static bool copy(int fd, enum export_target target, const char *line)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FREE char *message = NULL;
    int len = target == EXPORT_JOURNAL ? for_journal(line, &message) : for_syslog(line, &message);

    if (len < 0) {
        message = NULL; /* undefined otherwise */
        return false;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", targets[target].socket);
    return sendto(fd, message, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&address, sizeof address) == len;
}

unsigned export_lines(enum export_target target, const json_t *lines)
{
    AUTO_CLOSE int fd = -1;
    unsigned lost = 0;
    const json_t *item;
    size_t i;

    if (target == EXPORT_NONE)
        return 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    json_array_foreach (lines, i, item)
        lost += fd < 0 || !copy(fd, target, json_string_value(item));
    return lost;
}
