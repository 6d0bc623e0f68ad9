/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence/export.h"

#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "base/json.h"
#include "base/util.h"

bool export_from_name(const char *name, enum export_target *ret_target)
{
    static const char *const names[] = {
        [EXPORT_NONE] = "none", [EXPORT_JOURNAL] = "journal", [EXPORT_SYSLOG] = "syslog"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret_target = (enum export_target)i;
            return true;
        }
    return false;
}

static void to_journal(const char *line)
{
    AUTO_JSON json_t *object = json_parse_strict(line, strlen(line));
    const char *event = json_get_string(object, "event");
    const char *result = json_get_string(object, "result");

    (void)sd_journal_send("MESSAGE=%s", line, "PRIORITY=%i", LOG_NOTICE, "SYSLOG_FACILITY=%i",
                          LOG_FAC(LOG_AUTHPRIV), "SYSLOG_IDENTIFIER=cps-agent", "CPS_EVENT=%s",
                          event != NULL ? event : "", "CPS_RESULT=%s", result != NULL ? result : "",
                          NULL);
}

void export_lines(enum export_target target, const json_t *lines)
{
    const json_t *item;
    size_t i;

    if (target == EXPORT_NONE)
        return;
    json_array_foreach (lines, i, item) {
        if (target == EXPORT_JOURNAL)
            to_journal(json_string_value(item));
        else
            syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", json_string_value(item));
    }
}
