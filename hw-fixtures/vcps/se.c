/* SPDX-License-Identifier: Apache-2.0 */
#include "se.h"

#include <string.h>

void se_clear(struct se *se)
{
    *se = (struct se){.rsa_ops = se->rsa_ops};
}

const struct image_key *se_find_key(const struct fs *fs, uint8_t reference)
{
    const struct image_app *app = fs_current_app(fs);

    for (size_t i = 0; app && i < app->n_keys; i++)
        if (app->keys[i].reference == reference)
            return &app->keys[i];
    return NULL;
}

uint16_t se_gather(struct se *se, const struct apdu *a, size_t max)
{
    if (a->lc > max - se->chain_len)
        return SW_WRONG_LENGTH;
    if (a->lc)
        memcpy(se->chain + se->chain_len, a->data, a->lc);
    se->chain_len += a->lc;
    return SW_OK;
}
