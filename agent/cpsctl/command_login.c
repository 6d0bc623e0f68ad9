/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/progress.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

/* The method is what the options say; the card when they say nothing. NULL: a usage error. */
static json_t *read_params(int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--card", "method", OPTION_FIXED, "card"},
        {"--ecps", "national_id", OPTION_TEXT, NULL},
        {"--browser", "method", OPTION_FIXED, "browser"},
        {"--proxy", "proxy_id", OPTION_TEXT, NULL},
        {"--provider", "provider", OPTION_TEXT, NULL},
        {"--reader", "reader", OPTION_TEXT, NULL},
        {"--channel", "channel", OPTION_TEXT, NULL},
        {"--fresh", "fresh", OPTION_TRUE, NULL},
        {"--no-prompt", "interaction", OPTION_FIXED, "none"},
        {0},
    };
    AUTO_JSON json_t *params = options_read(rows, argc, argv);
    json_t *proxy_id = json_object_get(params, "proxy_id");
    bool has_id = json_object_get(params, "national_id") != NULL || proxy_id != NULL;
    bool has_method = json_object_get(params, "method") != NULL;

    if (params == NULL)
        return NULL;
    if ((has_id && has_method) || (proxy_id != NULL && json_object_get(params, "national_id"))) {
        text_line(stderr, "%s", _("cpsctl: une seule méthode de connexion à la fois"));
        return NULL;
    }
    if (proxy_id != NULL) {
        json_object_set(params, "national_id", proxy_id);
        json_object_del(params, "proxy_id");
        json_object_set_new(params, "method", json_string("proxy"));
    } else if (!has_method) {
        json_object_set_new(params, "method", json_string(has_id ? "ecps" : "card"));
    }
    return TAKE_PTR(params);
}

int command_login(struct cpsctl *ctl, int argc, char **argv)
{
    json_t *params = read_params(argc, argv);
    AUTO_JSON json_t *session = NULL;
    struct progress progress;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_connect(ctl);
    if (status != EXIT_DONE) {
        json_decref(params);
        return status;
    }
    progress_init(&progress, ctl->agent);
    status = cpsctl_call(ctl, "session.login", params, CPS_AGENT_LOGIN_TIMEOUT_MS, &session);
    progress_done(&progress, ctl->agent);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(session);
    else
        show_session(session);
    return EXIT_DONE;
}
