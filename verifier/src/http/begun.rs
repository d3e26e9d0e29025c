//! Work that is done to its end once it is begun, though its sender hangs up: it is done then, and has to be
//! counted against whoever sent it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::intake::IntakeError;

type Work<T> = Pin<Box<dyn Future<Output = Result<T, IntakeError>> + Send>>;

/// Goes on as a task of its own when whoever waits for it leaves. As a task from the beginning each claim would
/// pay for the way to it and back, and nearly nobody leaves.
pub(super) struct Begun<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> Begun<T> {
    /// Begins when it is first waited for.
    pub(super) fn new(work: impl Future<Output = Result<T, IntakeError>> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Begun<T> {
    type Output = Result<T, IntakeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out, so that work that ends in a panic is not taken up again.
        let Some(mut work) = self.0.take() else { return Poll::Ready(Err(IntakeError::Unknown)) };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => {
                self.0 = Some(work);
                Poll::Pending
            }
            Ok(Poll::Ready(done)) => Poll::Ready(done),
            // Nobody can say how far it came.
            Err(_) => Poll::Ready(Err(IntakeError::Unknown)),
        }
    }
}

impl<T: Send + 'static> Drop for Begun<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn it_goes_on_when_nobody_waits_for_it_any_more() {
        let (go, gone) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let mut begun = Begun::new(async move {
            let answer: Result<u8, _> = gone.await;
            tell.send(answer.unwrap()).unwrap();
            Ok(())
        });
        tokio::select! {
            biased;
            _ = &mut begun => panic!("nobody let it go on"),
            () = ready(()) => {}
        }
        drop(begun);
        go.send(7).unwrap();
        assert_eq!(told.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_an_unknown_outcome_and_is_not_taken_up_again() {
        let mut begun = Begun::<()>::new(async { panic!("a bug") });
        for _ in 0..2 {
            assert!(matches!((&mut begun).await, Err(IntakeError::Unknown)));
        }
    }
}
