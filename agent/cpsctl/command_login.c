/* SPDX-License-Identifier: Apache-2.0 */
/* login, unlock and step-up: one login each, for another purpose. */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/progress.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

#define MEANS                                                                                      \
    {"--card", "method", OPTION_FIXED, "card"}, {"--ecps", "national_id", OPTION_TEXT, NULL},      \
        {"--browser", "method", OPTION_FIXED, "browser"},                                          \
        {"--proxy", "proxy_id", OPTION_TEXT, NULL}, {"--provider", "provider", OPTION_TEXT, NULL}, \
        {"--reader", "reader", OPTION_TEXT, NULL}, {"--channel", "channel", OPTION_TEXT, NULL},    \
    {                                                                                              \
        "--no-prompt", "interaction", OPTION_FIXED, "none"                                         \
    }

/* The method is what the options say. NULL: a usage error. */
static json_t *read_params(const struct option_row *rows, int argc, char **argv)
{
    AUTO_JSON json_t *params = options_read(rows, argc, argv);
    json_t *proxy_id = json_object_get(params, "proxy_id");
    json_t *id = json_object_get(params, "national_id");
    bool has_method = json_object_get(params, "method") != NULL;

    if (params == NULL)
        return NULL;
    if (has_method + (id != NULL) + (proxy_id != NULL) > 1) {
        text_line(stderr, "%s", _("cpsctl: une seule méthode de connexion à la fois"));
        return NULL;
    }
    if (proxy_id != NULL) {
        json_object_set(params, "national_id", proxy_id);
        json_object_del(params, "proxy_id");
        json_object_set_new(params, "method", json_string("proxy"));
    } else if (id != NULL) {
        json_object_set_new(params, "method", json_string("ecps"));
    }
    return TAKE_PTR(params);
}

/* params is stolen. */
static int run(struct cpsctl *ctl, const char *method, json_t *params)
{
    AUTO_JSON json_t *session = NULL;
    int status = progress_call(ctl, method, params, CPS_AGENT_LOGIN_TIMEOUT_MS, &session);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(session);
    else
        show_session(session);
    return EXIT_DONE;
}

int command_login(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {MEANS, {"--fresh", "fresh", OPTION_TRUE, NULL}, {0}};
    json_t *params = read_params(rows, argc, argv);

    if (params == NULL)
        return EXIT_USAGE;
    if (json_object_get(params, "method") == NULL)
        json_object_set_new(params, "method", json_string("card"));
    return run(ctl, "session.login", params);
}

int command_unlock(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {MEANS, {"--epoch", "epoch", OPTION_NUMBER, NULL}, {0}};
    json_t *params = read_params(rows, argc, argv);

    return params != NULL ? run(ctl, "session.unlock", params) : EXIT_USAGE;
}

int command_step_up(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {MEANS,
                                             {"--max-age", "max_age", OPTION_NUMBER, NULL},
                                             {"--epoch", "epoch", OPTION_NUMBER, NULL},
                                             {0}};
    json_t *params = read_params(rows, argc, argv);

    if (params == NULL)
        return EXIT_USAGE;
    if (json_object_get(params, "max_age") == NULL)
        json_object_set_new(params, "max_age", json_integer(0));
    return run(ctl, "session.step_up", params);
}
