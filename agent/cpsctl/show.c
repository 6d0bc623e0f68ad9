/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/show.h"

#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/words.h"
#include "base/json.h"

static const char *or_dash(const json_t *object, const char *key)
{
    const char *value = json_get_string(object, key);

    return value != NULL ? value : "-";
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

/* Puts what there is of it after what is in the buffer, one thing after another. */
static void append(char *text, size_t size, const char *before, const char *value,
                   const char *after)
{
    size_t len = strlen(text);

    if (value != NULL)
        snprintf(text + len, size - len, "%s%s%s%s", len > 0 ? " " : "", before, value, after);
}

const char *show_practice_text(const json_t *practice, char text[SHOW_PRACTICE_LEN])
{
    text[0] = '\0';
    append(text, SHOW_PRACTICE_LEN, "", json_get_string(practice, "structure_name"), "");
    append(text, SHOW_PRACTICE_LEN, "(", json_get_string(practice, "structure_id"), ")");
    append(text, SHOW_PRACTICE_LEN, "", json_get_string(practice, "sector"), "");
    return text[0] != '\0' ? text : _("sans précision");
}

static void show_practice(const json_t *session)
{
    const json_t *practice = json_get_object(session, "practice");
    char text[SHOW_PRACTICE_LEN];

    if (practice != NULL)
        text_line(stdout, _("  situation d'exercice : %s"), show_practice_text(practice, text));
    else if (json_get_bool(session, "practice_choice_needed", false))
        text_line(stdout, "%s", _("  situation d'exercice à choisir : cpsctl practice"));
}

static void show_source(const json_t *holder)
{
    if (strcmp(or_dash(holder, "source"), "mapping") == 0)
        text_line(stdout, "%s", _("  nom donné par ce poste (people.d), non par la carte"));
}

/* What statements call the person. */
static const char *identifier(const json_t *holder)
{
    const char *id = json_get_string(holder, "national_id");

    return id != NULL ? id : or_dash(holder, "internal_id");
}

static void show_who(const json_t *holder)
{
    const char *name = or_dash(holder, "name");

    if (strcmp(name, identifier(holder)) == 0)
        text_line(stdout, _("Session : %s"), name);
    else
        text_line(stdout, _("Session : %s (%s)"), name, identifier(holder));
}

static void show_strength(const json_t *session)
{
    const json_t *amr = json_get_array(session, "amr");
    const char *text = json_array_size(amr) > 0 ? _("un seul facteur") : _("force inconnue");
    char methods[256];
    const json_t *item;
    size_t i;

    join(amr, methods, sizeof methods);
    json_array_foreach (amr, i, item)
        if (json_is_string(item) && strcmp(json_string_value(item), "mfa") == 0)
            text = _("deux facteurs");
    text_line(stdout, _("  preuves : %s (%s) ; époque : %lld"), text,
              methods[0] != '\0' ? methods : "-", (long long)json_get_int(session, "epoch", 0));
}

/* At another provider the browser is not Pro Santé Connect. */
static const char *means(const json_t *session)
{
    const char *method = or_dash(session, "method");

    if (strcmp(method, "browser") == 0 && json_get_object(session, "psc") != NULL)
        return _("Pro Santé Connect (navigateur)");
    return text_word(words_methods, method);
}

void show_session(const json_t *session)
{
    const json_t *holder = json_get_object(session, "holder");
    char since[TEXT_TIME_LEN], until[TEXT_TIME_LEN];

    if (!json_is_object(session)) {
        text_line(stdout, "%s", _("Personne n'est connecté."));
        return;
    }
    show_who(holder);
    if (strcmp(or_dash(session, "state"), "locked") == 0)
        text_line(stdout, "%s", _("  verrouillée : à déverrouiller par son titulaire"));
    text_line(stdout, _("  par %s, à %s, jusqu'à %s au plus tard"), means(session),
              text_time(json_get_int(session, "auth_time", 0), since),
              text_time(json_get_int(session, "expires_at", 0), until));
    show_strength(session);
    show_source(holder);
    show_practice(session);
}

static const struct text_word card_states[] = {
    {"ready", N_("prête")},
    {"reading", N_("en lecture")},
    {"mute", N_("muette")},
    {"unsupported", N_("non reconnue")},
    {"busy", N_("occupée par un autre programme")},
    {"failed", N_("en échec")},
    {0},
};

static void show_structure(const json_t *holder)
{
    const json_t *structure = json_get_object(holder, "structure");
    char text[SHOW_PRACTICE_LEN] = "";

    append(text, sizeof text, "", json_get_string(structure, "name"), "");
    append(text, sizeof text, "", json_get_string(structure, "locality"), "");
    append(text, sizeof text, "(", json_get_string(structure, "id"), ")");
    if (text[0] != '\0')
        text_line(stdout, _("  structure : %s"), text);
}

static void show_holder(const json_t *holder)
{
    char profession[SHOW_PRACTICE_LEN] = "";

    if (json_get_string(holder, "name") != NULL)
        text_line(stdout, _("  porteur : %s (%s)"), or_dash(holder, "name"), identifier(holder));
    else
        text_line(stdout, _("  ne nomme personne : %s"), or_dash(holder, "common_name"));
    show_source(holder);
    append(profession, sizeof profession, "", json_get_string(holder, "profession"), "");
    append(profession, sizeof profession, "(", json_get_string(holder, "profession_code"), ")");
    append(profession, sizeof profession, "", json_get_string(holder, "speciality"), "");
    if (profession[0] != '\0')
        text_line(stdout, _("  profession : %s"), profession);
    show_structure(holder);
}

static void show_validity(const json_t *card)
{
    const char *type = json_get_string(card, "type");
    char from[TEXT_TIME_LEN], to[TEXT_TIME_LEN];

    text_line(stdout, _("  certificat : %s, du %s au %s"), type != NULL ? type : _("type inconnu"),
              text_date(json_get_int(card, "not_before", 0), from),
              text_date(json_get_int(card, "not_after", 0), to));
    if (strcmp(or_dash(card, "interface"), "contactless") == 0)
        text_line(stdout, "%s", _("  sans contact : ne demande pas de code"));
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
    if (json_get_string(card, "family") == NULL) /* nothing is known of it */
        text_line(stdout, _("%s : carte %s"), or_dash(card, "reader"),
                  text_word(card_states, or_dash(card, "state")));
    else
        text_line(stdout, _("%s : carte %s %s, %s%s"), or_dash(card, "reader"),
                  or_dash(card, "family"), or_dash(card, "serial"),
                  text_word(card_states, or_dash(card, "state")), tries_text);
    if (json_get_object(card, "holder") == NULL)
        return;
    show_holder(json_get_object(card, "holder"));
    show_validity(card);
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

void show_program_rules(const json_t *rules)
{
    const json_t *file;
    size_t i;

    json_array_foreach (json_get_array(rules, "refused"), i, file)
        text_line(stdout, _("Règles pour les programmes, fichier refusé : %s (%s)"),
                  or_dash(file, "file"), or_dash(file, "error"));
}

void show_advice(const char *name)
{
    cps_error error = name != NULL ? cps_error_from_name(name) : CPS_INTERNAL;

    if (error != CPS_INTERNAL) /* what any unknown name is, too */
        text_advise(error);
}

void show_providers(const json_t *status)
{
    const json_t *provider;
    size_t i;

    json_array_foreach (json_get_array(status, "providers"), i, provider) {
        const char *state = or_dash(provider, "state");
        int64_t since = json_get_int(provider, "since_at", 0);
        bool down = strcmp(state, "down") == 0;
        char when[TEXT_TIME_LEN] = "";

        if (down && since > 0)
            text_time(since, when);
        text_line(stdout, _("Fournisseur %s : %s%s%s"), or_dash(provider, "name"),
                  text_word(words_providers, state), when[0] != '\0' ? _(" depuis ") : "", when);
        if (down)
            show_advice(json_get_string(provider, "error"));
    }
}
