/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pin_pad.h"

#define FEATURE_VERIFY 0x06
#define FEATURE_MODIFY 0x07
#define FEATURE_LEN    4

struct pin_pad_features pin_pad_read_features(const uint8_t *answer, size_t len)
{
    struct pin_pad_features features = {0};

    for (size_t at = 0; at + 2 <= len; at += 2 + (size_t)answer[at + 1]) {
        const uint8_t *value = answer + at + 2;
        uint32_t code;

        if (answer[at + 1] != FEATURE_LEN || at + 2 + FEATURE_LEN > len)
            continue;
        code = (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 |
               (uint32_t)value[3];
        if (answer[at] == FEATURE_VERIFY)
            features.verify = code;
        else if (answer[at] == FEATURE_MODIFY)
            features.modify = code;
    }
    return features;
}
