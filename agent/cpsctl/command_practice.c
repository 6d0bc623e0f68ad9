/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

static json_t *read_params(int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--forget", "forget", OPTION_TRUE, NULL},
        {"--epoch", "epoch", OPTION_NUMBER, NULL},
        {0},
    };
    const char *word = NULL;
    json_t *params = options_read_word(rows, argc, argv, &word);

    if (params == NULL || word == NULL)
        return params;
    if (options_number(word) == 0) {
        text_line(stderr, _("cpsctl: %s n'est pas le numéro d'une situation"), word);
        json_decref(params);
        return NULL;
    }
    json_object_set_new(params, "number", json_integer(options_number(word)));
    return params;
}

static void show(const json_t *state)
{
    const json_t *list = json_get_array(state, "situations");
    int64_t chosen = json_get_int(state, "chosen", 0);
    const char *error = json_get_string(state, "error");
    const json_t *situation;
    size_t i;

    if (error != NULL)
        text_line(stdout, _("Situations d'exercice non lues : %s"), text_error(error));
    else if (json_array_size(list) == 0)
        text_line(stdout, "%s", _("Aucune situation d'exercice."));
    json_array_foreach (list, i, situation) {
        int64_t number = json_get_int(situation, "number", 0);
        char text[SHOW_PRACTICE_LEN];

        text_line(stdout, "%c %2lld  %s", number == chosen ? '*' : ' ', (long long)number,
                  show_practice_text(situation, text));
    }
    if (json_get_bool(state, "choice_needed", false))
        text_line(stdout, "%s", _("À choisir : cpsctl practice NUMÉRO"));
    else if (json_get_bool(state, "remembered", false))
        text_line(stdout, "%s", _("Ce choix est retenu sur ce poste (cpsctl practice --forget)."));
}

int command_practice(struct cpsctl *ctl, int argc, char **argv)
{
    json_t *params = read_params(argc, argv);
    AUTO_JSON json_t *state = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, "session.practice", params, CPS_AGENT_TIMEOUT_MS, &state);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(state);
    else
        show(state);
    return EXIT_DONE;
}
