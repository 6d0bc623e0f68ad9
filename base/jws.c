/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jws.h"

#include <jose/jws.h>
#include <jose/openssl.h>
#include <string.h>

#include "base/util.h"

bool jws_split(const char *token, size_t len, struct jws_part parts[static JWS_PARTS])
{
    const char *end = token + len;
    const char *at = token;

    for (size_t n = 0; n < JWS_PARTS; n++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));

        if ((dot == NULL) != (n == JWS_PARTS - 1))
            return false;
        parts[n].text = at;
        parts[n].len = (size_t)((dot != NULL ? dot : end) - at);
        at = dot != NULL ? dot + 1 : end;
    }
    return true;
}

/* libjose would write to standard error what a stranger's token says. */
static void no_message(void *misc, const char *file, int line, uint64_t error, const char *format,
                       va_list ap)
{
    (void)misc;
    (void)file;
    (void)line;
    (void)error;
    (void)format;
    (void)ap;
}

static json_t *text_of(const struct jws_part *part)
{
    return json_stringn(part->text, part->len);
}

bool jws_signature_fits(const struct jws_part parts[static JWS_PARTS], const json_t *key)
{
    jose_cfg_auto_t *config = jose_cfg();
    AUTO_JSON json_t *jws =
        json_pack("{s:o, s:o, s:o}", "protected", text_of(&parts[JWS_HEADER]), "payload",
                  text_of(&parts[JWS_PAYLOAD]), "signature", text_of(&parts[JWS_SIGNATURE]));

    if (config == NULL || jws == NULL)
        return false;
    jose_cfg_set_err_func(config, no_message, NULL);
    return jose_jws_ver(config, jws, NULL, key, true);
}

EVP_PKEY *jws_public_key(const json_t *jwk)
{
    jose_cfg_auto_t *config = jose_cfg();

    if (config == NULL)
        return NULL;
    jose_cfg_set_err_func(config, no_message, NULL);
    return jose_openssl_jwk_to_EVP_PKEY(config, jwk);
}
