import Lessons

/// Everything that the tutor itself says. A phrase cannot be made without both languages.
enum Phrases {
    private static func say(_ en: String, _ fr: String) -> LocalizedText { LocalizedText(en: en, fr: fr) }

    // MARK: The first start

    static let welcome = say("Welcome to Drydock", "Bienvenue dans Drydock")
    static let welcomeText = say(
        "Type docker commands at the prompt: they really happen. I watch what they do, tell you when a goal is "
            + "reached, and can open every command up.",
        "Tapez des commandes docker à l’invite : elles sont réellement exécutées. J’observe ce qu’elles font, je vous "
            + "dis quand un but est atteint, et je peux ouvrir chaque commande pour montrer comment elle fonctionne.")
    static let hubNotice = say(
        "docker.io is played by the practice hub of this machine: pulls, logins and pushes go there, and nothing "
            + "leaves this machine unless a real registry can be reached and has what you pull.",
        "docker.io est joué par le hub d’entraînement de cette machine : les pull, login et push y vont, et rien ne "
            + "quitte cette machine, sauf si un vrai registre est joignable et possède ce que vous demandez.")
    static let accountText = say(
        "For that you need an account on the practice hub.",
        "Pour cela, il vous faut un compte sur le hub d’entraînement.")
    static func askUser(_ name: String) -> LocalizedText {
        say("Hub user name [\(name)]: ", "Nom d’utilisateur sur le hub [\(name)] : ")
    }
    static let userRule = say(
        "A user name has 2 to 30 lower-case letters, digits, - or _, and begins with a letter or a digit.",
        "Un nom d’utilisateur a de 2 à 30 lettres minuscules, chiffres, - ou _, et commence par une lettre ou un chiffre."
    )
    static func userTaken(_ name: String) -> LocalizedText {
        say(
            "The name \(name) is taken on this hub; choose another one.",
            "Le nom \(name) est déjà pris sur ce hub ; choisissez-en un autre.")
    }
    static let askPassword = say(
        "Password (Enter: I make one up): ", "Mot de passe (Entrée : j’en invente un) : ")
    static let repeatPassword = say("Again: ", "Encore une fois : ")
    static let passwordsDiffer = say("The two are not the same.", "Les deux ne sont pas identiques.")
    static func accountMade(_ user: String) -> LocalizedText {
        say("The account \(user) is made.", "Le compte \(user) est créé.")
    }
    static func passwordTold(_ user: String, _ password: String) -> LocalizedText {
        say(
            "Your account: user \(user), password \(password)  (the command account shows it again)",
            "Votre compte : utilisateur \(user), mot de passe \(password)  (la commande account le réaffiche)")
    }
    static func account(_ user: String) -> LocalizedText {
        say(
            "Your account on the practice hub: \(user). You chose its password yourself.",
            "Votre compte sur le hub d’entraînement : \(user). Vous avez choisi son mot de passe vous-même.")
    }
    static let noAccount = say(
        "There is no account yet: the practice hub could not be asked. docker login needs one.",
        "Il n’y a pas encore de compte : le hub d’entraînement n’a pas pu être joint. docker login en a besoin.")
    static func hubTrouble(_ what: String) -> LocalizedText {
        say("The practice hub does not answer: \(what)", "Le hub d’entraînement ne répond pas : \(what)")
    }

    // MARK: Goals and outcomes

    static let helpHint = say(
        "help lists the commands, hint helps, quit ends.", "help liste les commandes, hint aide, quit termine.")
    static let welcomeBack = say("Welcome back.", "Bon retour.")
    static func stepOf(_ number: Int, _ count: Int) -> LocalizedText {
        say("step \(number) of \(count)", "étape \(number) sur \(count)")
    }
    static func goal(_ text: String) -> LocalizedText { say("Goal: \(text)", "But : \(text)") }
    static let stepDone = say("Step done", "Étape réussie")
    static let cheers = [
        say("Well done!", "Bravo !"), say("That's it.", "C’est cela."), say("Exactly.", "Exactement."),
        say("It works.", "Cela marche."),
    ]
    static let alreadyDone = say("This was already so:", "C’était déjà le cas :")
    static let stillMissing = say("Still missing:", "Il manque encore :")
    static let nothingMissing = say("Nothing is missing.", "Il ne manque rien.")
    static func exerciseDone(_ title: String) -> LocalizedText {
        say("You have finished the exercise “\(title)”.", "Vous avez terminé l’exercice « \(title) ».")
    }
    static let allDone = say(
        "That was the last exercise. You can repeat any of them: lessons, then start EXERCISE.",
        "C’était le dernier exercice. Vous pouvez refaire n’importe lequel : lessons, puis start EXERCICE.")
    static func nextExercise(_ title: String) -> LocalizedText { say("Next: \(title)", "Ensuite : \(title)") }
    static let noExercise = say(
        "No exercise is open. lessons shows what there is, start EXERCISE opens one.",
        "Aucun exercice n’est ouvert. lessons montre ce qu’il y a, start EXERCICE en ouvre un.")
    static let noContent = say(
        "The lessons could not be read; docker commands work all the same.",
        "Les leçons n’ont pas pu être lues ; les commandes docker fonctionnent quand même.")
    static let exerciseFinished = say(
        "This exercise is finished. reset exercise starts it again.",
        "Cet exercice est terminé. reset exercise le recommence.")

    // MARK: Tutor commands

    static func hintNumber(_ number: Int, _ count: Int) -> LocalizedText {
        say("Hint \(number) of \(count)", "Indice \(number) sur \(count)")
    }
    static let whyNothing = say(
        "Nothing was checked yet: type check.", "Rien n’a encore été vérifié : tapez check.")
    static let whyTitle = say("What the last check looked at", "Ce que la dernière vérification a regardé")
    static let colon = say(": ", " : ")
    static let expected = say("expected", "attendu")
    static let found = say("found", "trouvé")
    static let unknown = say("could not be found out", "n’a pas pu être déterminé")
    static let seenBefore = say("seen before", "vu auparavant")
    static let solutionTitle = say("One way to do it", "Une façon de faire")
    static let skipped = say("Skipped.", "Passé.")
    static let askResetStep = say(
        "Go back to the start of this step? What it made is removed. [y/N] ",
        "Revenir au début de cette étape ? Ce qu’elle a créé sera supprimé. [o/N] ")
    static let askResetExercise = say(
        "Go back to the start of this exercise? What it made is removed. [y/N] ",
        "Revenir au début de cet exercice ? Ce qu’il a créé sera supprimé. [o/N] ")
    static let resetDone = say("Back at the start.", "Retour au début.")
    static let resetKept = say("Nothing was changed.", "Rien n’a été changé.")
    static func resetFailed(_ command: String) -> LocalizedText {
        say("This did not work, go on by hand: \(command)", "Ceci n’a pas marché, continuez à la main : \(command)")
    }
    static func unknownExercise(_ name: String) -> LocalizedText {
        say(
            "There is no exercise \(name). lessons shows those that there are.",
            "Il n’y a pas d’exercice \(name). lessons montre ceux qui existent.")
    }
    static func requires(_ titles: String) -> LocalizedText {
        say("Better done before: \(titles)", "À faire de préférence avant : \(titles)")
    }
    static func languageIs() -> LocalizedText { say("I speak English now.", "Je parle français maintenant.") }
    static let languageUsage = say("Usage: lang en or lang fr", "Utilisation : lang en ou lang fr")
    static func usage(_ usage: String) -> LocalizedText { say("Usage: \(usage)", "Utilisation : \(usage)") }
    static let goodbye = say("Goodbye. Everything is kept.", "Au revoir. Tout est conservé.")
    static let more = say(
        "-- more: Space, q ends --", "-- suite : Espace, q termine --")
    static let lessonsTitle = say("Lessons and exercises", "Leçons et exercices")
    static let progressTitle = say("Your progress", "Votre progression")
    static let current = say("here", "ici")
    static let skippedMark = say("skipped", "passé")

    // MARK: Explanations

    static let topics = say("Topics", "Sujets")
    static let topicsHint = say(
        "explain TOPIC shows one; explain last opens the last docker command up; explain plan shows what was done "
            + "before the program ran; explain NAME draws an image or a container; explain NAME:/PATH says "
            + "which layers have a file.",
        "explain SUJET en montre un ; explain last ouvre la dernière commande docker ; explain plan montre ce qui a été "
            + "fait avant que le programme ne s’exécute ; explain NOM dessine une image ou un conteneur ; "
            + "explain NOM:/CHEMIN dit quelles couches contiennent un fichier.")
    static let noTrace = say(
        "No docker command has left a trace yet.", "Aucune commande docker n’a encore laissé de trace.")
    static let noPlan = say(
        "The last docker command started no container, so there was no plan.",
        "La dernière commande docker n’a démarré aucun conteneur : il n’y avait pas de plan.")
    static func unknownTopic(_ name: String) -> LocalizedText {
        say(
            "I know no topic, image or container named \(name).",
            "Je ne connais ni sujet, ni image, ni conteneur nommé \(name).")
    }
    static func seeAlso(_ topic: String) -> LocalizedText {
        say("More: explain \(topic)", "Pour en savoir plus : explain \(topic)")
    }

    // MARK: The shell

    static func noDirectory(_ path: String) -> LocalizedText {
        say("cd: \(path): no such directory", "cd : \(path) : dossier introuvable")
    }
    static func didYouMean(_ words: String) -> LocalizedText {
        say("Did you mean: \(words)", "Vouliez-vous dire : \(words)")
    }
    static let stopped = say("Stopped. fg continues it.", "Arrêté. fg le continue.")
    static let nothingStopped = say("fg: nothing is stopped.", "fg : rien n’est arrêté.")
    static func because(_ reason: String) -> LocalizedText { say("why: \(reason)", "raison : \(reason)") }
    static func remedy(_ remedy: String) -> LocalizedText { say("what to do: \(remedy)", "que faire : \(remedy)") }

    // MARK: Help

    static let helpTitle = say("What you can type", "Ce que vous pouvez taper")
    static let helpShell = say(
        "Everything else, docker … too, runs in your own shell in the exercise's folder: pipes, $(docker ps -aq) and "
            + "scripts work. Ctrl-C interrupts a command, Ctrl-D ends the session, Tab completes.",
        "Tout le reste, docker … aussi, s’exécute dans votre propre shell, dans le dossier de l’exercice : les tubes, "
            + "$(docker ps -aq) et les scripts fonctionnent. Ctrl-C interrompt une commande, Ctrl-D termine la session, "
            + "Tab complète.")

    static func help(_ command: TutorCommand.Name) -> LocalizedText {
        switch command {
        case .help: say("this list", "cette liste")
        case .lessons: say("the lessons and their exercises", "les leçons et leurs exercices")
        case .start: say("open an exercise", "ouvrir un exercice")
        case .goal: say("the goal of this step", "le but de cette étape")
        case .check: say("look again at what is true and what is missing", "vérifier ce qui est vrai et ce qui manque")
        case .hint: say("the next hint", "l’indice suivant")
        case .explain:
            say(
                "explain a topic, the last command (last), its plan (plan), an image or a container",
                "expliquer un sujet, la dernière commande (last), son plan (plan), une image ou un conteneur")
        case .why: say("what the last check looked at and found", "ce que la dernière vérification a regardé et trouvé")
        case .progress: say("what you have done", "ce que vous avez fait")
        case .reset:
            say(
                "go back to the start of this step (or of the exercise)",
                "revenir au début de cette étape (ou de l’exercice)")
        case .skip: say("go past this step", "passer cette étape")
        case .solution: say("one way to solve this step", "une façon de résoudre cette étape")
        case .account: say("your account on the practice hub", "votre compte sur le hub d’entraînement")
        case .lang: say("change the language", "changer de langue")
        case .quit: say("end the session; everything is kept", "terminer la session ; tout est conservé")
        }
    }
}
