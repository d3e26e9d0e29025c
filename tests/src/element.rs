//! Farthing's elements in a page: the frame inside, its button, what it says.

use fantoccini::elements::Element;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::wait::until;

impl Browser {
    /// The iframe inside the element that `css` names, once it is there.
    pub async fn frame_of(&self, css: &str) -> Element {
        until(&format!("{css} has a frame"), async || {
            let script = "const host = document.querySelector(arguments[0]);
                if (!host) return null;
                host.scrollIntoView({ block: 'center', behavior: 'instant' });
                const root = window.__rootOf(host);
                return root ? root.querySelector('iframe') : null;";
            let found = self.client.execute(script, vec![json!(css)]).await.ok()?;
            if found.is_null() {
                return None;
            }
            let id = found.as_object()?.values().next()?.as_str()?.to_owned();
            Some(Element::from_element_id(self.client.clone(), id.into()))
        })
        .await
    }

    /// Goes into the frame of the element that `css` names. The present document must be the
    /// page's own.
    pub async fn enter(&self, css: &str) {
        let frame = self.frame_of(css).await;
        frame.enter_frame().await.unwrap_or_else(|error| panic!("the frame of {css}: {error}"));
    }

    /// Back to the page from one of its frames.
    pub async fn leave(&self) {
        self.client.enter_parent_frame().await.expect("a page around the frame");
    }

    /// The events `farthing:…` that the present page has seen since [`Browser::watch_events`].
    pub async fn events(&self) -> Vec<Value> {
        let seen = self.script("return window.__farthing ?? []", Vec::new()).await;
        seen.as_array().cloned().unwrap_or_default()
    }

    /// Begins to write down the events of the present page.
    pub async fn watch_events(&self) {
        let script = "window.__farthing = [];
            for (const name of ['farthing:paid', 'farthing:declined', 'farthing:error'])
              document.addEventListener(name, (e) => window.__farthing.push({ name, detail: e.detail ?? null }));";
        self.script(script, Vec::new()).await;
    }
}
