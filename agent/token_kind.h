/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of an identity provider that programs may ask for. */
#ifndef AGENT_TOKEN_KIND_H
#define AGENT_TOKEN_KIND_H

enum token_kind { TOKEN_ACCESS, TOKEN_ID, TOKEN_KINDS };

#endif
