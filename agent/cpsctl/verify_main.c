/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl-verify: checks a login statement, or another JWS, against a set of public keys. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/jws_check.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

/* Clocks of two machines seldom differ by more. */
#define DEFAULT_LEEWAY_S 5

static const struct option_row rows[] = {
    {"--jwks", "jwks", OPTION_TEXT, NULL},   {"--audience", "audience", OPTION_TEXT, NULL},
    {"--nonce", "nonce", OPTION_TEXT, NULL}, {"--alg", "alg", OPTION_TEXT, NULL},
    {"--typ", "typ", OPTION_TEXT, NULL},     {"--leeway", "leeway", OPTION_NUMBER, NULL},
    {"--json", "json", OPTION_TRUE, NULL},   {0},
};

/* All of a file, "-" being standard input, at most JWS_CHECK_MAX bytes; NULL with errno. */
static char *read_file(const char *path, size_t *ret_len)
{
    AUTO_FREE char *data = malloc(JWS_CHECK_MAX + 1);
    AUTO_CLOSE int fd =
        strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = 1;

    while (data != NULL && fd >= 0 && n > 0 && len <= JWS_CHECK_MAX) {
        n = read(fd, data + len, JWS_CHECK_MAX + 1 - len);
        if (n > 0)
            len += (size_t)n;
    }
    if (data == NULL || fd < 0 || n < 0)
        return NULL;
    if (len > JWS_CHECK_MAX) {
        errno = EFBIG;
        return NULL;
    }
    *ret_len = len;
    return TAKE_PTR(data);
}

static json_t *read_keys(const char *path)
{
    size_t len = 0;
    AUTO_FREE char *text = read_file(path, &len);
    json_t *jwks = text != NULL ? json_parse_strict(text, len) : NULL;

    if (json_get_array(jwks, "keys") != NULL)
        return jwks;
    if (text != NULL)
        text_line(stderr, _("cpsctl: %s n'est pas un fichier JWKS"), path);
    else
        text_line(stderr, "cpsctl: %s: %s", path, strerror(errno));
    json_decref(jwks);
    return NULL;
}

/* The verdict in the language of the user; the reason is for programs. */
static const struct text_word reasons[] = {
    {"segments", N_("ce n'est pas un JWS compact")},
    {"base64", N_("un morceau n'est pas du base64url correct")},
    {"header", N_("l'en-tête est illisible")},
    {"crit", N_("l'en-tête demande une extension inconnue")},
    {"alg", N_("l'algorithme n'est pas celui attendu")},
    {"typ", N_("ce n'est pas une attestation de connexion")},
    {"kid", N_("la clé n'est pas dans le jeu de clés")},
    {"key", N_("la clé ne convient pas à cet algorithme")},
    {"signature", N_("la signature est fausse")},
    {"claims", N_("le contenu est incomplet ou illisible")},
    {"exp", N_("elle a expiré")},
    {"nbf", N_("elle n'est pas encore valable")},
    {"iat", N_("elle est datée du futur : vérifier les horloges")},
    {"lifetime", N_("sa durée de validité est trop longue")},
    {"aud", N_("elle est destinée à quelqu'un d'autre")},
    {"nonce", N_("le nonce n'est pas celui attendu")},
    {0},
};

static int report(bool as_json, cps_error error, json_t *claims, const struct fail *fail)
{
    if (as_json) {
        AUTO_JSON json_t *verdict =
            error == CPS_OK ? json_pack("{s:b, s:O}", "valid", 1, "claims", claims)
                            : json_pack("{s:b, s:s, s:s}", "valid", 0, "reason", fail->reason,
                                        "cause", fail->n_causes > 0 ? fail->causes[0] : "");

        text_json(verdict);
    } else if (error == CPS_OK) {
        text_json(claims);
    }
    if (error == CPS_OK) {
        text_line(stderr, "%s", _("Valable."));
        return EXIT_DONE;
    }
    text_line(stderr, _("Refusé (%s) : %s"), fail->reason, text_word(reasons, fail->reason));
    if (fail->n_causes > 0)
        text_line(stderr, _("  (pour le support : %s)"), fail->causes[0]);
    return EXIT_NOT_VALID;
}

/* The rules that the options give; borrowed from them. */
static struct jws_rules read_rules(const json_t *options)
{
    const char *alg = json_get_string(options, "alg");
    const char *typ = json_get_string(options, "typ");

    return (struct jws_rules){
        .alg = alg != NULL ? alg : "ES256",
        .typ = typ != NULL ? typ : JWS_STATEMENT_TYP,
        .audience = json_get_string(options, "audience"),
        .nonce = json_get_string(options, "nonce"),
        .leeway_s = json_get_int(options, "leeway", DEFAULT_LEEWAY_S),
        .now_s = clock_real_s(),
    };
}

static int verify(const json_t *options, const char *path)
{
    struct jws_rules rules = read_rules(options);
    AUTO_JSON json_t *jwks = read_keys(json_get_string(options, "jwks"));
    AUTO_JSON json_t *claims = NULL;
    struct fail fail = FAIL_INIT;
    size_t len = 0;
    AUTO_FREE char *token = read_file(path, &len);
    cps_error error;

    if (jwks == NULL)
        return EXIT_USAGE;
    if (token == NULL) {
        text_line(stderr, "cpsctl: %s: %s", path, strerror(errno));
        return EXIT_USAGE;
    }
    while (len > 0 && strchr(" \t\r\n", token[len - 1]) != NULL)
        len--;
    error = jws_check(token, len, jwks, &rules, &claims, &fail);
    return report(json_get_bool(options, "json", false), error, claims, &fail);
}

int main(int argc, char **argv)
{
    AUTO_JSON json_t *options = NULL;
    const char *path = NULL;
    const char *alg;

    text_init();
    options = options_read_word(rows, argc - 1, argv + 1, &path);
    if (options == NULL)
        return EXIT_USAGE;
    alg = json_get_string(options, "alg");
    if (alg != NULL && strcmp(alg, "ES256") != 0 && strcmp(alg, "RS256") != 0) {
        text_line(stderr, "%s", _("cpsctl: --alg vaut ES256 ou RS256"));
        return EXIT_USAGE;
    }
    if (json_get_string(options, "jwks") == NULL) {
        text_line(stderr, "%s", _("cpsctl: il faut --jwks"));
        return EXIT_USAGE;
    }
    return text_finish(verify(options, path != NULL ? path : "-"));
}
