/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/evidence_show.h"

#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/evidence_read.h"
#include "agent/cpsctl/evidence_stats.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/words.h"
#include "base/json.h"
#include "base/util.h"

#define LINE_MAX_LEN 2048
#define PERSON_LEN   8 /* characters of the keyed hash: enough to tell people of one day apart */

struct period {
    const char *from;
    const char *to;
};

static const struct text_word events[] = {
    {"start", N_("démarrage de l'agent")},
    {"stop", N_("arrêt de l'agent")},
    {"login", N_("connexion")},
    {"lock", N_("session verrouillée")},
    {"unlock", N_("déverrouillage")},
    {"step_up", N_("nouvelle preuve d'identité")},
    {"parked", N_("session mise en attente")},
    {"resumed", N_("session revenue, verrouillée")},
    {"session_closed", N_("session fermée")},
    {"practice", N_("situation d'exercice choisie")},
    {"statement", N_("attestation")},
    {"token", N_("jeton")},
    {"token_count", N_("jetons de plus")},
    {"consent", N_("réponse à une question sur un programme")},
    {"consent_revoked", N_("réponses retirées")},
    {"refused", N_("demande d'un programme refusée")},
    {"exchange", N_("jeton d'une API")},
    {"pin", N_("code de la carte")},
    {"refresh", N_("jetons non renouvelés")},
    {"logout", N_("session du fournisseur")},
    {"key_rotated", N_("nouvelle clé du poste")},
    {"checkpoint", N_("signature du poste")},
    {"purge", N_("anciens fichiers supprimés")},
    {"lost", N_("événements perdus")},
    {"damage", N_("journal trouvé abîmé")},
    {"rollback", N_("des lignes avaient disparu")},
    {0},
};

static const struct text_word answers[] = {{"given", N_("oui")}, {"refused", N_("non")}, {0}};

static const struct text_word operations[] = {
    {"change", N_("changement")}, {"unblock", N_("déblocage")}, {0}};

static void add(char *line, const char *before, const char *text)
{
    size_t len = strlen(line);

    if (text != NULL && len < LINE_MAX_LEN)
        snprintf(line + len, LINE_MAX_LEN - len, "%s%s", before, text);
}

/* Without the full stop of a message: the line goes on. */
static void trim(char *line)
{
    size_t len = strlen(line);

    if (len > 0 && line[len - 1] == '.')
        line[len - 1] = '\0';
}

static void add_number(char *line, const char *before, const json_t *from, const char *key,
                       const char *after)
{
    char text[64];

    if (!json_is_integer(json_object_get(from, key)))
        return;
    snprintf(text, sizeof text, "%lld%s", (long long)json_get_int(from, key, 0), after);
    add(line, before, text);
}

static void add_proofs(char *line, const json_t *amr)
{
    const json_t *item;
    size_t i;

    json_array_foreach (amr, i, item)
        add(line, i == 0 ? _(" ; preuves : ") : " ", json_string_value(item));
}

static void add_person(char *line, const char *hash)
{
    char start[PERSON_LEN + 1];

    if (hash == NULL)
        return;
    snprintf(start, sizeof start, "%s", hash);
    add(line, _(" ; personne "), start);
}

static const char *base_name(const char *path)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    return slash != NULL ? slash + 1 : path;
}

/* The answer to a question, or why something was refused; nothing when all went well. */
static void add_result(char *line, const char *result)
{
    const char *answer = text_word(answers, result);

    if (answer != result) {
        add(line, _(" ; "), answer);
        return;
    }
    add(line, _(" ; refus : "), text_error(result));
    trim(line);
}

/* What one would ask first; cpsctl audit export has everything. */
static void describe(const json_t *event, char *line)
{
    const json_t *practice = json_get_object(event, "practice");
    bool login = json_object_get(event, "method") != NULL;

    add(line, "", text_word(events, json_get_string(event, "event")));
    add(line, _(" ; "), text_word(operations, json_get_string(event, "operation")));
    if (json_object_get(event, "ended") != NULL)
        add(line, _(" ; "), json_get_bool(event, "ended", false) ? _("fermée") : _("pas fermée"));
    add(line, _(", par "), text_word(words_methods, json_get_string(event, "method")));
    add_result(line, json_get_string(event, "result"));
    add(line, _(" ; motif : "), text_word(words_reasons, json_get_string(event, "reason")));
    add(line, _(" ; pour "), json_get_string(event, "audience"));
    add(line, _(" ; "), text_word(words_kinds, json_get_string(event, "kind")));
    add(line, _(" ; "), json_get_string(event, "api"));
    add_number(line, _(" ; "), event, "count", "");
    add(line, _(" ; programme "), base_name(json_get_string(event, "program")));
    if (login)
        add_proofs(line, json_get_array(event, "amr"));
    add(line, _(" ; "), json_get_string(practice, "structure_name"));
    add_number(line, _(" ; "), event, "duration_ms", " ms");
    add_person(line, json_get_string(event, "person"));
}

static bool show_line(void *user, const struct evidence_line *text)
{
    const struct period *period = user;
    AUTO_JSON json_t *event = json_parse_strict(text->text, text->len);
    const char *local = json_get_string(event, "local"); /* 2026-11-22T09:02:11+01:00 */
    char line[LINE_MAX_LEN] = "";

    if (!evidence_in_period(json_get_string(event, "at"), period->from, period->to))
        return true;
    describe(event, line);
    text_line(stdout, "%6lld  %.10s %.8s  %s", (long long)json_get_int(event, "seq", 0),
              local != NULL ? local : "-", local != NULL && strlen(local) > 11 ? local + 11 : "-",
              line);
    return !ferror(stdout);
}

int evidence_show(const char *directory, const char *from, const char *to)
{
    struct period period = {.from = from, .to = to};

    return evidence_read(directory, show_line, &period);
}
