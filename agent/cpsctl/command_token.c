/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

static int give(const struct cpsctl *ctl, const json_t *token)
{
    const char *text = json_get_string(token, "token");

    if (ctl->json)
        text_json(token);
    else
        puts(text != NULL ? text : ""); /* of any length */
    return EXIT_DONE;
}

static int get(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--kind", "kind", OPTION_TEXT, NULL},
        {"--provider", "provider", OPTION_TEXT, NULL},
        {"--min-ttl", "min_ttl_s", OPTION_NUMBER, NULL},
        {"--epoch", "epoch", OPTION_NUMBER, NULL},
        {0},
    };
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *token = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, "token.get", params, CPSCTL_CONSENT_TIMEOUT_MS, &token);
    return status == EXIT_DONE ? give(ctl, token) : status;
}

static int exchange(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--min-ttl", "min_ttl_s", OPTION_NUMBER, NULL},
        {"--epoch", "epoch", OPTION_NUMBER, NULL},
        {0},
    };
    const char *api = NULL;
    json_t *params = options_read_word(rows, argc, argv, &api);
    AUTO_JSON json_t *token = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    if (api == NULL) {
        json_decref(params);
        text_line(stderr, "%s", _("cpsctl: il faut le nom d'une API"));
        return EXIT_USAGE;
    }
    json_object_set_new(params, "api", json_string(api));
    status = cpsctl_call(ctl, "token.exchange", params, CPSCTL_CONSENT_TIMEOUT_MS, &token);
    return status == EXIT_DONE ? give(ctl, token) : status;
}

static void show(const json_t *token)
{
    char until[TEXT_TIME_LEN], since[TEXT_TIME_LEN];
    bool active = json_get_bool(token, "active", false);
    bool asked = strcmp(json_get_string(token, "source"), "provider") == 0;
    const char *provider = json_get_string(token, "provider");

    text_time(json_get_int(token, "expires_at", 0), until);
    text_time(json_get_int(token, "auth_time", 0), since);
    if (asked)
        text_line(stdout, active ? _("Actif, dit %s, jusqu'à %s") : _("Plus actif, dit %s (%s)"),
                  provider, until);
    else
        text_line(stdout, active ? _("De %s, non expiré : jusqu'à %s") : _("De %s, expiré à %s"),
                  provider, until);
    text_line(stdout, _("Connexion de %s"), since);
    if (json_get_string(token, "subject_name_id") != NULL)
        text_line(stdout, _("Porteur : %s"), json_get_string(token, "subject_name_id"));
}

static int introspect(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--offline", "offline", OPTION_TRUE, NULL},
        {"--epoch", "epoch", OPTION_NUMBER, NULL},
        {0},
    };
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *token = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    if (json_object_get(params, "offline") != NULL) {
        json_object_del(params, "offline");
        json_object_set_new(params, "online", json_false());
    }
    status = cpsctl_call(ctl, "token.introspect", params, CPSCTL_CONSENT_TIMEOUT_MS, &token);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(token);
    else if (json_get_string(token, "source") != NULL)
        show(token);
    return json_get_bool(token, "active", false) ? EXIT_DONE : EXIT_NOT_VALID;
}

int command_token(struct cpsctl *ctl, int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "exchange") == 0)
        return exchange(ctl, argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "introspect") == 0)
        return introspect(ctl, argc - 1, argv + 1);
    return get(ctl, argc, argv);
}
