/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl provider: the identity providers, and whether one does what its profile says. */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

#define CHECK_TIMEOUT_MS 40000

/* What the agent found, in words; each is an msgid. */
static const struct text_word findings[] = {
    {"profile", N_("le profil est bien formé")},
    {"profile_wrong", N_("le profil ne peut pas servir")},
    {"redirect", N_("le port de retour du navigateur est libre")},
    {"redirect_taken", N_("aucun port de retour du navigateur n'est libre")},
    {"discovery", N_("le document de découverte est servi")},
    {"discovery_wrong", N_("le document de découverte n'est pas obtenu")},
    {"discovery_outside", N_("le document de découverte sort du profil")},
    {"keys", N_("les clés de signature sont là")},
    {"keys_wrong", N_("les clés de signature ne sont pas obtenues")},
    {"clock", N_("l'horloge du poste est celle du fournisseur")},
    {"clock_differs", N_("l'horloge du poste diffère un peu de celle du fournisseur")},
    {"clock_wrong", N_("l'horloge du poste est fausse, ou celle du fournisseur : les jetons "
                       "seraient refusés")},
    {"clock_unknown", N_("le fournisseur ne dit pas l'heure")},
    {"client", N_("le fournisseur reconnaît ce client")},
    {"client_refused", N_("le fournisseur refuse ce client : identifiant, secret, clé ou "
                          "certificat")},
    {"client_unknown", N_("le fournisseur ne dit pas s'il reconnaît ce client")},
    {"client_auth_not_listed", N_("il n'annonce pas cette authentification du client")},
    {"no_mtls_aliases", N_("il n'annonce pas d'adresse pour un certificat de client")},
    {"no_rs256", N_("il ne signe pas en RS256")},
    {"no_code_flow", N_("il n'offre pas le flux par code")},
    {"pkce_not_listed", N_("il n'annonce pas PKCE S256")},
    {"iss_not_promised", N_("il ne promet pas « iss » au retour, que le profil exige")},
    {"par_required", N_("il exige des demandes poussées (PAR), que le profil exclut")},
    {"ciba_not_listed", N_("il n'annonce pas CIBA, que le profil emploie")},
    {"no_poll", N_("il n'offre pas CIBA par interrogation (poll)")},
    {"ciba_without_identifier", N_("CIBA ne peut servir sans claim_national_id")},
    {"scope_not_listed", N_("il n'annonce pas cette portée (scope)")},
    {"no_end_session", N_("il n'offre pas de fin de session")},
    {"no_revocation", N_("il n'offre pas de révocation des jetons")},
    {"answers", N_("le service répond")},
    {"no_answer", N_("le service ne répond pas")},
    {"timeout", N_("le fournisseur est trop lent")},
    {0},
};

static const char *mark_of(const char *level)
{
    if (strcmp(level, "problem") == 0)
        return _("ERREUR");
    return strcmp(level, "note") == 0 ? _("note") : "ok";
}

static void show_check(const json_t *result)
{
    const char *name = json_get_string(result, "provider");
    const char *issuer = json_get_string(result, "issuer");
    const json_t *finding;
    size_t i;

    if (issuer != NULL)
        text_line(stdout, _("%s : %s"), name != NULL ? name : "-", issuer);
    else
        text_line(stdout, "%s", name != NULL ? name : "-");
    json_array_foreach (json_get_array(result, "findings"), i, finding) {
        const char *level = json_get_string(finding, "level");
        const char *code = json_get_string(finding, "code");
        const char *detail = json_get_string(finding, "detail");

        text_line(stdout, "  %-6s  %s%s%s%s", mark_of(level != NULL ? level : ""),
                  text_word(findings, code != NULL ? code : "-"), detail != NULL ? " (" : "",
                  detail != NULL ? detail : "", detail != NULL ? ")" : "");
    }
}

static int check(struct cpsctl *ctl, const char *name)
{
    AUTO_JSON json_t *result = NULL;
    int status = cpsctl_call(ctl, "provider.check", json_pack("{s:s*}", "provider", name),
                             CHECK_TIMEOUT_MS, &result);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        show_check(result);
    return json_get_bool(result, "ok", false) ? EXIT_DONE : EXIT_FAILED;
}

static int list(struct cpsctl *ctl)
{
    AUTO_JSON json_t *result = NULL;
    int status = cpsctl_call(ctl, "status", json_object(), CPS_AGENT_TIMEOUT_MS, &result);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(json_get_array(result, "providers"));
    else
        show_providers(result);
    return EXIT_DONE;
}

int command_provider(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {{0}};
    const char *name = NULL;
    bool to_check = argc > 0 && strcmp(argv[0], "check") == 0;
    json_t *params;

    if (argc == 0 || (argc == 1 && strcmp(argv[0], "list") == 0))
        return list(ctl);
    params = to_check ? options_read_word(rows, argc - 1, argv + 1, &name) : NULL;
    if (params == NULL) {
        text_line(stderr, "%s", _("cpsctl: provider list, ou provider check [NOM]"));
        return EXIT_USAGE;
    }
    json_decref(params);
    return check(ctl, name);
}
