// SPDX-License-Identifier: Apache-2.0
// Storage behind the provider. Expired objects stay: an expired CIBA request or refresh token
// must be told apart from one that never existed. A reset empties it.
export class Store {
  #objects = new Map();

  // The adapter factory that oidc-provider asks for: one view a model.
  adapter = (model) => {
    const prefix = `${model}:`;
    const objects = this.#objects;
    const where = (field, value) => {
      for (const [key, object] of objects) {
        if (key.startsWith(prefix) && object[field] === value) return object;
      }
      return undefined;
    };
    return {
      async upsert(id, payload) { objects.set(prefix + id, payload); },
      async find(id) { return objects.get(prefix + id); },
      async findByUid(uid) { return where('uid', uid); },
      async findByUserCode(userCode) { return where('userCode', userCode); },
      async consume(id) { objects.get(prefix + id).consumed = Math.floor(Date.now() / 1000); },
      async destroy(id) { objects.delete(prefix + id); },
      async revokeByGrantId(grantId) {
        for (const [key, object] of objects) {
          if (key.startsWith(prefix) && object.grantId === grantId) objects.delete(key);
        }
      },
    };
  };

  list(model) {
    return [...this.#objects].filter(([key]) => key.startsWith(`${model}:`))
      .map(([, object]) => object);
  }

  clear() { this.#objects.clear(); }
}
