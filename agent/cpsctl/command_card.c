/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/command_card.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

static int print_certificate(struct cpsctl *ctl, json_t *params)
{
    AUTO_JSON json_t *certificate = NULL;
    const char *pem;
    int status = cpsctl_call(ctl, "card.certificate", params, CPS_AGENT_TIMEOUT_MS, &certificate);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json) {
        text_json(certificate);
        return EXIT_DONE;
    }
    pem = json_get_string(certificate, "certificate");
    fputs(pem != NULL ? pem : "", stdout);
    return EXIT_DONE;
}

static int list_cards(struct cpsctl *ctl)
{
    AUTO_JSON json_t *list = NULL;
    const json_t *card;
    size_t i;
    int status = cpsctl_call(ctl, "card.list", json_object(), CPS_AGENT_TIMEOUT_MS, &list);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json) {
        text_json(list);
        return EXIT_DONE;
    }
    if (json_array_size(json_get_array(list, "cards")) == 0)
        text_line(stdout, "%s", _("Aucune carte."));
    json_array_foreach (json_get_array(list, "cards"), i, card)
        show_card(card);
    return EXIT_DONE;
}

int command_card(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--reader", "reader", OPTION_TEXT, NULL},
        {"--certificate", "usage", OPTION_TEXT, NULL},
        {"--yes", "yes", OPTION_TRUE, NULL},
        {0},
    };
    const char *word = NULL;
    json_t *params = options_read_word(rows, argc, argv, &word);
    bool yes = json_get_bool(params, "yes", false);
    bool report = word != NULL && strcmp(word, "report") == 0;

    if (params == NULL)
        return EXIT_USAGE;
    json_object_del(params, "yes");
    if ((word != NULL && !report) || (yes && !report) ||
        (report && json_object_get(params, "usage") != NULL)) {
        json_decref(params);
        text_line(stderr, "%s", _("cpsctl: card, card --certificate ou card report [--yes]"));
        return EXIT_USAGE;
    }
    if (report)
        return command_card_report(ctl, params, yes);
    if (json_object_size(params) > 0)
        return print_certificate(ctl, params);
    json_decref(params);
    return list_cards(ctl);
}
