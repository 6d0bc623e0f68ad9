/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/show.h"

#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"

static const char *or_dash(const json_t *object, const char *key)
{
    const char *value = json_get_string(object, key);

    return value != NULL ? value : "-";
}

static const char *method_name(const char *method)
{
    if (strcmp(method, "card") == 0)
        return _("carte CPS");
    if (strcmp(method, "ecps") == 0)
        return _("e-CPS");
    if (strcmp(method, "browser") == 0)
        return _("Pro Santé Connect (navigateur)");
    return method;
}

/* The strings of an array, one after another. */
static void join(const json_t *array, char *text, size_t size)
{
    size_t len = 0;
    const json_t *item;
    size_t i;

    text[0] = '\0';
    json_array_foreach (array, i, item)
        if (json_is_string(item) && len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? " " : "",
                                    json_string_value(item));
}

void show_session(const json_t *session)
{
    const json_t *holder = json_get_object(session, "holder");
    char since[TEXT_TIME_LEN], until[TEXT_TIME_LEN], amr[256];

    if (!json_is_object(session)) {
        text_line(stdout, "%s", _("Personne n'est connecté."));
        return;
    }
    join(json_get_array(session, "amr"), amr, sizeof amr);
    text_line(stdout, _("Session de %s (%s)"), or_dash(holder, "name"),
              or_dash(holder, "national_id"));
    text_line(stdout, _("  par %s, à %s, jusqu'à %s au plus tard"),
              method_name(or_dash(session, "method")),
              text_time(json_get_int(session, "auth_time", 0), since),
              text_time(json_get_int(session, "expires_at", 0), until));
    text_line(stdout, _("  preuves : %s ; époque : %lld"), amr,
              (long long)json_get_int(session, "epoch", 0));
}

static const char *state_name(const char *state)
{
    if (strcmp(state, "ready") == 0)
        return _("prête");
    if (strcmp(state, "reading") == 0)
        return _("en lecture");
    if (strcmp(state, "mute") == 0)
        return _("muette");
    if (strcmp(state, "unsupported") == 0)
        return _("non reconnue");
    if (strcmp(state, "busy") == 0)
        return _("occupée par un autre programme");
    if (strcmp(state, "failed") == 0)
        return _("en échec");
    return state;
}

void show_card(const json_t *card)
{
    const json_t *pin = json_get_object(card, "pin");
    int64_t tries = json_get_int(pin, "tries_left", -1);
    char tries_text[64] = "";

    if (json_get_bool(pin, "blocked", false))
        snprintf(tries_text, sizeof tries_text, "%s", _(", code porteur bloqué"));
    else if (tries >= 0)
        snprintf(tries_text, sizeof tries_text, _(", essais restants : %lld"), (long long)tries);
    text_line(stdout, _("%s : carte %s %s, %s%s"), or_dash(card, "reader"), or_dash(card, "family"),
              or_dash(card, "serial"), state_name(or_dash(card, "state")), tries_text);
}

static void show_policy_name(const json_t *policy)
{
    const char *when = json_get_string(policy, "when");

    if (when == NULL)
        return;
    if (strcmp(when, "each_use") == 0)
        text_line(stdout, "%s", _("Code porteur : demandé à chaque usage"));
    else if (strcmp(when, "minutes") == 0)
        text_line(stdout, _("Code porteur : demandé une fois pour la session, %lld min au plus"),
                  (long long)json_get_int(policy, "minutes", 0));
    else
        text_line(stdout, "%s", _("Code porteur : demandé une fois pour la session"));
}

void show_pin_policy(const json_t *policy)
{
    const json_t *card;
    size_t i;

    show_policy_name(policy);
    json_array_foreach (json_get_array(policy, "verified"), i, card)
        text_line(stdout, _("  saisi pour la carte de %s, oublié dans %lld min au plus"),
                  or_dash(card, "reader"),
                  (long long)(json_get_int(card, "seconds_left", 0) + 59) / 60);
}
