/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/progress.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

static int call_with_progress(struct cpsctl *ctl, const char *method, json_t *params,
                              const char *done)
{
    AUTO_JSON json_t *result = NULL;
    int status = progress_call(ctl, method, params, CPS_AGENT_PIN_TIMEOUT_MS, &result);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        text_line(stdout, "%s", done);
    return EXIT_DONE;
}

static int print_status(struct cpsctl *ctl, json_t *params)
{
    AUTO_JSON json_t *status = NULL;
    const json_t *pin;
    const json_t *reader;
    size_t i;
    int exit_status = cpsctl_call(ctl, "status", params, CPS_AGENT_TIMEOUT_MS, &status);

    if (exit_status != EXIT_DONE)
        return exit_status;
    pin = json_get_object(json_get_object(status, "policy"), "pin");
    if (ctl->json) {
        text_json(json_get_object(status, "policy"));
        return EXIT_DONE;
    }
    json_array_foreach (json_get_array(status, "readers"), i, reader)
        if (json_get_object(reader, "card") != NULL)
            show_card(json_get_object(reader, "card"));
    show_pin_policy(pin);
    return EXIT_DONE;
}

static int run(struct cpsctl *ctl, const char *verb, json_t *params)
{
    if (strcmp(verb, "change") == 0)
        return call_with_progress(ctl, "card.change_pin", params, _("Code porteur changé."));
    if (strcmp(verb, "unblock") == 0)
        return call_with_progress(ctl, "card.unblock_pin", params, _("Code porteur débloqué."));
    if (strcmp(verb, "status") == 0 && json_object_size(params) == 0)
        return print_status(ctl, params);
    json_decref(params);
    text_line(stderr, "%s", _("cpsctl: pin change, pin unblock ou pin status"));
    return EXIT_USAGE;
}

int command_pin(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--reader", "reader", OPTION_TEXT, NULL},
        {0},
    };
    const char *verb = NULL;
    json_t *params = options_read_word(rows, argc, argv, &verb);

    if (params == NULL)
        return EXIT_USAGE;
    return run(ctl, verb != NULL ? verb : "", params);
}
