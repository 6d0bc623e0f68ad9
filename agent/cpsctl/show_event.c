/* SPDX-License-Identifier: Apache-2.0 */
/* The events of cpsctl watch in words. */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/words.h"
#include "base/clock.h"
#include "base/json.h"

static const struct text_word reader_changes[] = {
    {"added", N_("lecteur branché")}, {"removed", N_("lecteur débranché")}, {0}};

static const struct text_word card_changes[] = {
    {"inserted", N_("carte insérée")},
    {"ready", N_("carte lue")},
    {"changed", N_("état de la carte changé")},
    {"removed", N_("carte retirée")},
    {0},
};

static const struct text_word session_changes[] = {
    {"opened", N_("session ouverte")},
    {"closed", N_("session fermée")},
    {"locked", N_("session verrouillée")},
    {"unlocked", N_("session déverrouillée")},
    {"stepped_up", N_("nouvelle preuve d'identité")},
    {"practice", N_("situation d'exercice choisie")},
    {"parked", N_("session mise en attente de son titulaire")},
    {"resumed", N_("session revenue, verrouillée")},
    {"parked_closed", N_("session en attente fermée")},
    {"ending", N_("la session va être fermée")},
    {0},
};

static const struct text_word desktop_states[] = {
    {"active", N_("session de bureau au premier plan")},
    {"background", N_("session de bureau en arrière-plan, un autre utilisateur est au poste")},
    {"suspended", N_("mise en veille du poste")},
    {"unknown", N_("session de bureau : état inconnu")},
    {0},
};

/* What of the agent may change state, but for the identity providers: those go by their names. */
static const struct text_word parts[] = {
    {"cardwatch", N_("surveillance des lecteurs")},
    {"oidcd", N_("accès aux fournisseurs d'identité")},
    {"evidence", N_("journal de preuve")},
    {"policy", N_("règles pour les programmes")},
    {"authorities", N_("autorités de carte")},
    {"blocklist", N_("liste de blocage")},
    {0},
};

static const struct text_word part_states[] = {
    {"running", N_("en marche")},
    {"restarting", N_("redémarrage")},
    {"failing", N_("écriture impossible")},
    {"reloaded", N_("relecture faite")},
    {"up", N_("relecture faite")},
    {"refused", N_("relecture refusée, la version d'avant reste en usage")},
    {0},
};

/* The time, then what happened, to what or why, in brackets. */
static void say(const char *what, const char *about)
{
    char now[TEXT_TIME_LEN];

    text_line(stdout, "%s  %s%s%s%s", text_time(clock_real_s(), now), what,
              about != NULL ? " (" : "", about != NULL ? about : "", about != NULL ? ")" : "");
}

static const char *change_of(const struct text_word *words, const json_t *params)
{
    const char *change = json_get_string(params, "change");

    return text_word(words, change != NULL ? change : "-");
}

static void show_reader_event(const json_t *params)
{
    const char *state = json_get_string(json_get_object(params, "pcsc"), "state");
    const char *reader = json_get_string(params, "reader");

    if (reader != NULL)
        say(change_of(reader_changes, params), reader);
    else
        say(_("service de cartes"), text_word(words_pcsc, state));
}

static void show_card_event(const json_t *params)
{
    const json_t *card = json_get_object(params, "card");
    const char *state = json_get_string(card, "state");

    say(change_of(card_changes, params), json_get_string(params, "reader"));
    if (card != NULL && state != NULL && strcmp(state, "reading") != 0)
        show_card(card);
}

static void show_session_event(const json_t *params)
{
    const json_t *session = json_get_object(params, "session");
    const char *reason = text_word(words_reasons, json_get_string(params, "reason"));
    int64_t ends_at_s = json_get_int(params, "ends_at", 0);
    const char *change = json_get_string(params, "change");
    char about[128], end[TEXT_TIME_LEN];

    if (ends_at_s > 0) {
        snprintf(about, sizeof about, "%s, %s", text_time(ends_at_s, end),
                 reason != NULL ? reason : "-");
        say(change_of(session_changes, params), about);
        return;
    }
    say(change_of(session_changes, params), reason);
    if (session != NULL && change != NULL && strcmp(change, "locked") != 0)
        show_session(session);
}

static void show_desktop_event(const json_t *params)
{
    const char *state = json_get_string(params, "state");

    say(text_word(desktop_states, state != NULL ? state : "unknown"),
        json_get_bool(params, "locked", false) ? _("écran verrouillé") : NULL);
}

static void show_health_event(const json_t *params)
{
    const char *name = json_get_string(params, "component");
    const char *state = json_get_string(params, "state");
    const char *part = text_word(parts, name);
    char provider[128];

    if (name == NULL || state == NULL)
        return;
    if (part != name) {
        say(part, text_word(part_states, state));
    } else {
        snprintf(provider, sizeof provider, _("fournisseur %s"), name);
        say(provider, text_word(words_providers, state));
    }
    show_advice(json_get_string(params, "error"));
}

void show_event(const char *method, const json_t *params)
{
    static const struct {
        const char *method;
        void (*show)(const json_t *params);
    } events[] = {
        {"event.reader", show_reader_event},   {"event.card", show_card_event},
        {"event.session", show_session_event}, {"event.desktop", show_desktop_event},
        {"event.health", show_health_event},
    };

    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (strcmp(events[i].method, method) == 0) {
            events[i].show(params);
            return;
        }
    say(method, NULL); /* of a newer agent */
}
