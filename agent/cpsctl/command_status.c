/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/words.h"
#include "base/json.h"
#include "base/util.h"

/* Why there are no cards, and what to do about it, in the words of the error that a login gets. */
static void show_obstacle(const char *pcsc, const char *desktop)
{
    if (strcmp(desktop, "background") == 0)
        text_advise(CPS_SESSION_BACKGROUND);
    else if (strcmp(pcsc, "refused") == 0)
        text_advise(CPS_PCSC_REFUSED);
    else if (strcmp(pcsc, "down") == 0)
        text_advise(CPS_PCSC_UNAVAILABLE);
}

static void show_parked(const json_t *status)
{
    long long parked = (long long)json_get_int(status, "parked", 0);

    if (parked > 0)
        text_line(stdout, _("Sessions en attente de leur titulaire : %lld"), parked);
}

static void show_readers(const json_t *status)
{
    const json_t *readers = json_get_array(status, "readers");
    const char *state = json_get_string(json_get_object(status, "pcsc"), "state");
    const char *desktop = json_get_string(json_get_object(status, "desktop"), "state");
    const json_t *reader;
    size_t i;

    text_line(stdout, _("Service de cartes : %s"),
              text_word(words_pcsc, state != NULL ? state : "unknown"));
    show_obstacle(state != NULL ? state : "", desktop != NULL ? desktop : "");
    if (json_array_size(readers) == 0)
        text_line(stdout, "%s", _("Aucun lecteur."));
    json_array_foreach (readers, i, reader) {
        const json_t *card = json_get_object(reader, "card");
        const char *name = json_get_string(reader, "reader");

        if (card != NULL)
            show_card(card);
        else
            text_line(stdout, _("%s : pas de carte"), name != NULL ? name : "-");
    }
}

static const struct text_word component_states[] = {
    {"restarting", N_("redémarre")}, {"stopped", N_("arrêté")}, {0}};

static void show_health(const json_t *status)
{
    const json_t *trust = json_get_object(status, "trust");
    json_t *components = json_get_object(status, "components");
    const char *version = json_get_string(status, "version");
    const char *evidence_state = json_get_string(json_get_object(status, "evidence"), "state");
    const char *storage_state = json_get_string(json_get_object(status, "storage"), "state");
    const char *name;
    json_t *state;

    text_line(stdout, _("Agent %s ; autorités de carte : %lld"), version != NULL ? version : "-",
              (long long)json_get_int(trust, "anchors", 0));
    if (json_get_int(trust, "anchors", 0) == 0)
        text_line(stdout, "%s",
                  _("Attention : aucune autorité, toute carte est refusée (cpsctl trust import)."));
    show_trust(trust);
    if (evidence_state != NULL && strcmp(evidence_state, "failing") == 0)
        text_line(stdout, "%s", _("Attention : le journal de preuve ne peut pas être écrit."));
    if (storage_state != NULL && strcmp(storage_state, "failing") == 0)
        text_line(stdout, "%s",
                  _("Attention : les fichiers d'état ne peuvent pas être écrits, réponses et choix "
                    "seront perdus si l'agent s'arrête."));
    json_object_foreach (components, name, state)
        if (json_is_string(state) && strcmp(json_string_value(state), "running") != 0)
            text_line(stdout, _("Composant %s : %s"), name,
                      text_word(component_states, json_string_value(state)));
}

int command_status(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {{0}};
    AUTO_JSON json_t *status = NULL;
    json_t *params = options_read(rows, argc, argv);
    int exit_status;

    if (params == NULL)
        return EXIT_USAGE;
    exit_status = cpsctl_call(ctl, "status", params, CPS_AGENT_TIMEOUT_MS, &status);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (ctl->json) {
        text_json(status);
        return EXIT_DONE;
    }
    show_session(json_object_get(status, "session"));
    show_parked(status);
    show_readers(status);
    show_pin_policy(json_get_object(json_get_object(status, "policy"), "pin"));
    show_program_rules(json_get_object(json_get_object(status, "policy"), "programs"));
    show_providers(status);
    show_health(status);
    return EXIT_DONE;
}
