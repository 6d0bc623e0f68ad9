/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

/* How long a wait without events lasts before the next: only a bound, nothing happens then. */
#define WAIT_MS CPS_AGENT_TIMEOUT_MAX_MS

static void on_event(void *user, const char *method, const char *text)
{
    const struct cpsctl *ctl = user;
    AUTO_JSON json_t *params = json_parse_strict(text, strlen(text));

    if (ctl->json) {
        AUTO_JSON json_t *line = json_pack("{s:s, s:O}", "event", method, "params", params);

        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        show_event(method, params);
    }
    fflush(stdout);
}

static json_t *read_params(int argc, char **argv)
{
    static const char *const known[] = {"reader", "card", "session", "desktop", "health"};
    json_t *events = json_array();

    for (int i = 0; i < argc; i++) {
        bool found = false;

        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            found |= strcmp(argv[i], known[k]) == 0;
        if (!found) {
            text_line(stderr, _("cpsctl: argument inattendu %s"), argv[i]);
            json_decref(events);
            return NULL;
        }
        json_array_append_new(events, json_string(argv[i]));
    }
    if (argc == 0) { /* all of them */
        json_decref(events);
        return json_object();
    }
    return json_pack("{s:o}", "events", events);
}

int command_watch(struct cpsctl *ctl, int argc, char **argv)
{
    AUTO_JSON json_t *result = NULL;
    json_t *params = read_params(argc, argv);
    cps_error error;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_connect(ctl);
    if (status != EXIT_DONE) {
        json_decref(params);
        return status;
    }
    cps_agent_on_notification(ctl->agent, on_event, ctl);
    status = cpsctl_call(ctl, "subscribe", params, CPS_AGENT_TIMEOUT_MS, &result);
    if (status != EXIT_DONE)
        return status;
    cps_agent_on_tick(ctl->agent, NULL, NULL);
    do
        error = cps_agent_wait(ctl->agent, WAIT_MS);
    while (error == CPS_OK || error == CPS_DEADLINE_EXCEEDED);
    return error == CPS_CANCELLED ? EXIT_DONE : cpsctl_explain(ctl, error);
}
