extension Advice {
    /// The catalogue. What begins alike stands with the longer phrase first.
    static let french: [Entry] = containers + images + registries + machine

    private static let containers = [
        Entry("docker container ls -a shows all containers.", "docker container ls -a montre tous les conteneurs."),
        Entry(
            "docker container rm {}, or choose another --name.",
            "docker container rm {}, ou choisissez un autre --name."),
        Entry(
            "Choose another name, or remove the other container: docker rm {}",
            "Choisissez un autre nom, ou supprimez l’autre conteneur : docker rm {}"),
        Entry("docker stop {}, or docker rm -f {}", "docker stop {}, ou docker rm -f {}"),
        Entry(
            "the container goes on: its first process takes no notice of Ctrl-C, because process 1 of a container only "
                + "gets the signals that it asks for",
            "le conteneur continue : son premier processus ne tient pas compte de Ctrl-C, car le processus 1 d’un "
                + "conteneur ne reçoit que les signaux qu’il demande"),
        Entry(
            "docker stop {} ends it; with docker run --init or -it, Ctrl-C does",
            "docker stop {} l’arrête ; avec docker run --init ou -it, Ctrl-C le fait"),
        Entry("docker restart {} gives it a new monitor", "docker restart {} lui donne un nouveau moniteur"),
        Entry("docker restart {} gives it a new one", "docker restart {} lui en donne un nouveau"),
        Entry(
            "the container itself goes on; docker stop, kill, pause, cp and top still reach it",
            "le conteneur lui-même continue ; docker stop, kill, pause, cp et top l’atteignent encore"),
        Entry(
            "the container goes on, but nobody takes its output, starts programs in it or forwards its ports",
            "le conteneur continue, mais personne ne prend ce qu’il écrit, n’y lance de programme ni ne relaie ses ports"
        ),
        Entry("Start it first: docker start {}", "Démarrez-le d’abord : docker start {}"),
        Entry("Unpause it first: docker unpause {}", "Reprenez-le d’abord : docker unpause {}"),
        Entry(
            "Remove the container first (docker container rm), or use -f.",
            "Supprimez d’abord le conteneur (docker container rm), ou utilisez -f."),
        Entry(
            "Name a program after the image: docker run IMAGE COMMAND.",
            "Nommez un programme après l’image : docker run IMAGE COMMANDE."),
        Entry(
            "check the spelling, or install the program in the image",
            "vérifiez l’orthographe, ou installez le programme dans l’image"),
        Entry("make it executable in the image (chmod +x)", "rendez-le exécutable dans l’image (chmod +x)"),
        Entry(
            "it is a program for another kind of processor, or a script without a first line (#!…)",
            "c’est un programme pour un autre type de processeur, ou un script sans première ligne (#!…)"),
        Entry(
            "see its first line (#!…), or use a program that was built for this distribution",
            "regardez sa première ligne (#!…), ou prenez un programme construit pour cette distribution"),
        Entry(
            "none of the directories in the container's PATH has a program of that name",
            "aucun des répertoires du PATH du conteneur n’a de programme de ce nom"),
        Entry("Signals look like SIGTERM, KILL or 9.", "Un signal s’écrit SIGTERM, KILL ou 9."),
        Entry(
            "Capabilities look like NET_ADMIN; `man 7 capabilities` lists them.",
            "Une capacité s’écrit NET_ADMIN ; `man 7 capabilities` en donne la liste."),
        Entry(
            "Use a number (-u 1000), or a name that the image's /etc/passwd has.",
            "Donnez un numéro (-u 1000), ou un nom qui figure dans le /etc/passwd de l’image."),
        Entry(
            "Use a number, or a name that the image's /etc/group has.",
            "Donnez un numéro, ou un nom qui figure dans le /etc/group de l’image."),
        Entry("The networks here are bridge, host and none.", "Les réseaux sont ici bridge, host et none."),
        Entry(
            "another program, or another container, listens on port {}",
            "un autre programme, ou un autre conteneur, écoute sur le port {}"),
        Entry(
            "choose another port of the host, or stop what uses it ('ss -tulnp' shows it)",
            "choisissez un autre port de l’hôte, ou arrêtez ce qui l’utilise ('ss -tulnp' le montre)"),
        Entry(
            "other programs, or other containers, listen on the ports {} to {}",
            "d’autres programmes, ou d’autres conteneurs, écoutent sur les ports {} à {}"),
        Entry(
            "choose other ports of the host, or stop what uses them ('ss -tulnp' shows it)",
            "choisissez d’autres ports de l’hôte, ou arrêtez ce qui les utilise ('ss -tulnp' le montre)"),
        Entry(
            "name an IPv4 address of this machine, or none",
            "donnez une adresse IPv4 de cette machine, ou aucune"),
        Entry(
            "a file is mounted there, so it cannot be replaced",
            "un fichier y est monté, il ne peut donc pas être remplacé"),
        Entry("ports below 1024 belong to root", "les ports inférieurs à 1024 sont réservés à root"),
        Entry("publish a port from 1024 on", "publiez un port à partir de 1024"),
        Entry("use --network host or --network none", "utilisez --network host ou --network none"),
        Entry("use --network none", "utilisez --network none"),
        Entry(
            "Docker has this command; it is not here yet.", "Docker a cette commande ; elle n’existe pas encore ici."),
        Entry("Name a directory that does not exist yet.", "Nommez un dossier qui n’existe pas encore."),
        Entry(
            "docker pull --platform {} {} gets the other one, where there is one",
            "docker pull --platform {} {} télécharge l’autre, s’il y en a une"),
        Entry("publish TCP or UDP ports", "publiez des ports TCP ou UDP"),
        Entry(
            "Make it first, or use -v, which makes a directory.",
            "Créez-le d’abord, ou utilisez -v, qui crée un dossier."),
        Entry(
            "docker run --ipc shareable … for the other container",
            "docker run --ipc shareable … pour l’autre conteneur"),
        Entry("'ls -l {}' on the host shows what is there", "'ls -l {}' sur l’hôte montre ce qui s’y trouve"),
        Entry("docker logs {} tells why it ends.", "docker logs {} dit pourquoi il s’arrête."),
        Entry("the container was made with --log-driver none", "le conteneur a été créé avec --log-driver none"),
        Entry("docker unpause {}, or docker rm -f {}", "docker unpause {}, ou docker rm -f {}"),
        Entry(
            "containers are not linked here; networks replace links",
            "les conteneurs ne se lient pas ici ; les réseaux remplacent les liens"),
        Entry(
            "Keys are single characters or ctrl- with one of a-z @ [ \\ ] ^ _, with commas between them.",
            "Une touche est un caractère seul, ou ctrl- suivi d’un de a-z @ [ \\ ] ^ _ ; des virgules les séparent."),
        Entry("this user may not open /dev/fuse", "cet utilisateur ne peut pas ouvrir /dev/fuse"),
        Entry(
            "Nothing of it was kept. Free some space ('docker image prune', 'docker container prune'), then pull again.",
            "Rien n’en a été gardé. Libérez de la place ('docker image prune', 'docker container prune'), puis recommencez le pull."
        ),
        Entry("docker top asks the machine's ps", "docker top interroge le ps de la machine"),
        Entry("Install the package procps.", "Installez le paquet procps."),
        Entry("this engine asks no registry", "ce moteur ne s’adresse à aucun registre"),
        Entry("There is one runtime here: drydock.", "Il y a ici un seul runtime : drydock."),
        Entry(
            "As root, or with systemd's delegation (see 'drydock doctor'), it can be.",
            "En tant que root, ou avec la délégation de systemd (voir 'drydock doctor'), c’est possible."),
        Entry(
            "As root, or with systemd's delegation (see 'drydock doctor'), it can.",
            "En tant que root, ou avec la délégation de systemd (voir 'drydock doctor'), c’est possible."),
        Entry("As root, before: mount --make-rshared {}", "En tant que root, avant : mount --make-rshared {}"),
        Entry("this user has no {} cgroup", "cet utilisateur n’a pas de cgroup {}"),
        Entry(
            "the kernel takes no device filter for the cgroup {}",
            "le noyau n’accepte pas de filtre de périphériques pour le cgroup {}"),
        Entry(
            "The kernel needs CONFIG_CGROUP_BPF, and this process CAP_BPF or CAP_SYS_ADMIN.",
            "Il faut CONFIG_CGROUP_BPF dans le noyau, et CAP_BPF ou CAP_SYS_ADMIN pour ce processus."),
        Entry(
            "one of them waits in the kernel for a device or a network file system",
            "l’un d’eux attend dans le noyau un périphérique ou un système de fichiers réseau"),
        Entry(
            "it waits in the kernel for a device or a network file system",
            "il attend dans le noyau un périphérique ou un système de fichiers réseau"),
        Entry("it was stopped, or the machine is very busy", "il a été suspendu, ou la machine est très occupée"),
        Entry("docker kill {} ends both", "docker kill {} arrête les deux"),
        Entry(
            "a namespace lives as long as a process in it",
            "un espace de noms vit aussi longtemps qu’un processus qui s’y trouve"),
        Entry(
            "without a bridge, which needs root, no address of this machine leads to it from a container",
            "sans pont, qui demande root, aucune adresse de cette machine n’y mène depuis un conteneur"),
        Entry(
            "use --network host, or the hub's name, hub.drydock",
            "utilisez --network host, ou le nom du hub, hub.drydock"),
        Entry("it is a directory", "c’est un dossier"),
        Entry(
            "the file is there, but the interpreter or loader that it names is not in the image",
            "le fichier est là, mais l’interpréteur ou le chargeur qu’il nomme n’est pas dans l’image"),
        Entry(
            "user {} or group {} is not in the ranges that this user may use",
            "l’utilisateur {} ou le groupe {} n’est pas dans les plages que cet utilisateur peut employer"),
        Entry(
            "See https://docs.docker.com/engine/security/seccomp/",
            "Voir https://docs.docker.com/engine/security/seccomp/"),
    ]

    private static let images = [
        Entry(
            "This is a course image: made by Drydock on this machine, stands for {}.",
            "C’est une image de cours : faite par Drydock sur cette machine, elle remplace {}."),
        Entry(
            "docker image ls shows the images that are here; docker image pull fetches others.",
            "docker image ls montre les images présentes ; docker image pull en télécharge d’autres."),
        Entry("docker image ls shows the images that are here.", "docker image ls montre les images présentes."),
        Entry("there is no {} here", "il n’y a pas de {} ici"),
        Entry("no image is called {}", "aucune image ne s’appelle {}"),
        Entry(
            "Give an image this name first: docker image tag IMAGE {}",
            "Donnez d’abord ce nom à une image : docker image tag IMAGE {}"),
        Entry("Pull the image again.", "Téléchargez de nouveau l’image (pull)."),
        Entry("Remove the image and pull it again.", "Supprimez l’image et téléchargez-la de nouveau."),
        Entry("Remove the image and make it again.", "Supprimez l’image et refaites-la."),
        Entry("Remove what uses it and pull it again.", "Supprimez ce qui l’utilise et téléchargez-la de nouveau."),
        Entry("Choose one of those with --platform.", "Choisissez-en une avec --platform."),
        Entry("{} exists for no platform", "{} n’existe pour aucune plateforme"),
        Entry("{} exists for {}", "{} existe pour {}"),
        Entry("{} is not a container image", "{} n’est pas une image de conteneur"),
        Entry(
            "Artifacts can be fetched with other tools, but not run.",
            "D’autres outils peuvent télécharger des artefacts, mais on ne peut pas les exécuter."),
        Entry("{} was pushed by a very old Docker", "{} a été envoyée par un très vieux Docker"),
        Entry("Push it again with a newer one.", "Renvoyez-la avec un Docker plus récent."),
        Entry(
            "docker load takes what docker save writes; docker import takes other tar archives.",
            "docker load prend ce que docker save écrit ; docker import prend les autres archives tar."),
        Entry("it stands for an image without any file", "ce nom est celui d’une image sans aucun fichier"),
        Entry(
            "docker import makes an image from a tar archive, without another one below it.",
            "docker import fait une image d’une archive tar, sans autre image en dessous."),
        Entry("the token service {} answers with something else", "le service de jetons {} répond autre chose"),
        Entry("the token service is {}", "le service de jetons est {}"),
        Entry(
            "docker import takes a tar archive of a file system, compressed or not.",
            "docker import prend l’archive tar d’un système de fichiers, compressée ou non."),
        Entry("Make the archive again.", "Refaites l’archive."),
        Entry(
            "The archive is damaged or was made to do harm; fetch it again from a source you trust.",
            "L’archive est abîmée ou malveillante ; reprenez-la auprès d’une source sûre."),
        Entry("the practice hub has no such image", "le hub d’entraînement n’a pas cette image"),
        Entry("it is for {}", "elle est pour {}"),
        Entry("its bytes have the digest {}", "ses octets ont le digest {}"),
        Entry("it is {} now", "c’est maintenant {}"),
        Entry("packed again it is {}", "remise en archive, c’est {}"),
        Entry(
            "sha256:… is how an image's ID is written; choose another name.",
            "sha256:… est la forme d’un identifiant d’image ; choisissez un autre nom."),
        Entry("there are {} bytes too many", "il y a {} octets de trop"),
        Entry("{} bytes are missing", "il manque {} octets"),
        Entry(
            "overlayfs kept only a reference to a layer below",
            "overlayfs n’a gardé qu’une référence à une couche inférieure"),
        Entry("refused as a precaution", "refusé par précaution"),
        Entry("bad link target", "mauvaise cible de lien"),
        Entry("not a path inside the layer", "ce n’est pas un chemin de la couche"),
        Entry("its target is in no layer of the image", "sa cible n’est dans aucune couche de l’image"),
        Entry("invalid checksum digest format", "le digest n’a pas la bonne forme"),
        Entry("unsupported digest algorithm", "algorithme de digest inconnu"),
        Entry("rootfs is missing", "rootfs manque"),
        Entry("digest or size is missing", "le digest ou la taille manque"),
        Entry("schemaVersion is not 2 or config is missing", "schemaVersion n’est pas 2, ou config manque"),
        Entry("schemaVersion is not 2 or manifests is missing", "schemaVersion n’est pas 2, ou manifests manque"),
        Entry("{} is not JSON", "{} n’est pas du JSON"),
        Entry("at most {} are allowed", "{} au plus sont permis"),
        Entry(
            "A name looks like alpine, alpine:3.5, user/name:tag or registry:5000/user/name:tag.",
            "Un nom s’écrit alpine, alpine:3.5, utilisateur/nom:tag ou registre:5000/utilisateur/nom:tag."),
        Entry("its extended records are malformed", "ses enregistrements étendus sont mal formés"),
        Entry("its record \"{}\" is malformed", "son enregistrement « {} » est mal formé"),
        Entry("it leads out of the directory", "elle mène hors du dossier"),
        Entry("its map of holes is malformed", "sa carte des trous est mal formée"),
        Entry("its {} is not a number", "son champ {} n’est pas un nombre"),
        Entry("an entry has no name", "une entrée n’a pas de nom"),
        Entry("it ends inside an entry", "elle s’arrête au milieu d’une entrée"),
        Entry(
            "its checksum is wrong: this is no tar archive, or it is damaged",
            "la somme de contrôle est fausse : ce n’est pas une archive tar, ou elle est abîmée"),
        Entry("its extended records are longer than 1 MiB", "ses enregistrements étendus dépassent 1 Mio"),
        Entry("its size is negative", "sa taille est négative"),
        Entry("its size is too large", "sa taille est trop grande"),
        Entry("its type '{}' is unknown", "son type '{}' est inconnu"),
        Entry("its type is unknown", "son type est inconnu"),
        Entry("there is a block of zeros between its entries", "il y a un bloc de zéros entre ses entrées"),
        Entry("a whiteout must name something", "un whiteout doit nommer quelque chose"),
        Entry("it does not name another file of the layer", "elle ne nomme pas un autre fichier de la couche"),
        Entry("it is outside of the layer's root", "elle est hors de la racine de la couche"),
        Entry("its name is too long", "son nom est trop long"),
        Entry("its owner {}:{} cannot exist", "son propriétaire {}:{} ne peut pas exister"),
        Entry("not a directory", "ce n’est pas un dossier"),
    ]
}
